import { assert, describe, it } from "@effect/vitest"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ownKafkaServer } from "@metka/testing/servers"
import { ConfigProvider, Duration, Effect, Layer, Schedule } from "effect"
import { Kafka as KafkaClient, logLevel } from "kafkajs"
import { Kafka } from "../src/Kafka.ts"
import * as KafkaJs from "../src/KafkaJs.ts"
import { eventually, freshTopic, kafkaContract, outgoing, startMember } from "./kafkaContract.ts"

const layerOn = (brokers: string) =>
  KafkaJs.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ KAFKA_BROKERS: brokers }))))

const shared = Layer.unwrap(Effect.flatMap(RealServers, ({ kafkaBrokers }) => Effect.map(kafkaBrokers, layerOn))).pipe(
  Layer.provide(RealServers.layer)
)

describe.skipIf(isMissing("kafka"))("On real Kafka", () => {
  kafkaContract("KafkaJs.layer", shared)

  it.live(
    "waits for a broker that is away, and goes on where it was",
    () =>
      Effect.gen(function* () {
        const server = yield* ownKafkaServer
        yield* Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const member = yield* startMember({ topic, group, maxRecords: 10 }, (batch) =>
            Effect.ignore(kafka.commit(group, batch))
          )
          yield* kafka.publish(topic, [outgoing("a", "before")])
          yield* eventually("the record from before", () => member.records().length === 1)
          yield* server.kill
          for (const operation of [
            kafka.ping,
            kafka.publish(topic, [outgoing("a", "lost")]),
            kafka.lag(topic, group)
          ]) {
            const error = yield* Effect.flip(Effect.asVoid(operation))
            assert.strictEqual(error.reason._tag, "KafkaUnavailable")
          }
          yield* server.start
          yield* kafka
            .publish(topic, [outgoing("a", "after")])
            .pipe(Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))))
          yield* kafka.ping
          yield* eventually("the record from after", () =>
            member.records().some(({ value }) => Buffer.from(value ?? []).toString() === "after")
          )
          yield* server.kill
          const [left] = yield* Effect.timed(member.stop)
          assert.isBelow(Duration.toMillis(left), 1_500, "leaving without a broker")
        }).pipe(Effect.provide(layerOn(server.brokers)))
      }),
    120_000
  )

  it.live("patches/kafkajs: whether a broker answers is asked in one request, and not in two", () =>
    Effect.gen(function* () {
      const { kafkaBrokers } = yield* RealServers
      const brokers = [yield* kafkaBrokers]
      const requests = yield* Effect.promise(async () => {
        const admin = new KafkaClient({ brokers, logLevel: logLevel.NOTHING }).admin()
        await admin.connect()
        const names: Array<string> = []
        admin.on("admin.network.request", ({ payload }) => names.push(payload.apiName))
        const { brokers: found } = await admin.describeCluster()
        await admin.disconnect()
        assert.lengthOf(found, 1)
        return names
      })
      assert.deepStrictEqual(requests, ["Metadata"])
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live(
    "a broker that is not there yet when the service starts is waited for",
    () =>
      Effect.gen(function* () {
        const server = yield* ownKafkaServer
        yield* server.stop
        yield* Effect.gen(function* () {
          const kafka = yield* Kafka
          const topic = "orders"
          const member = yield* startMember({ topic, group: "stg", maxRecords: 10 })
          assert.strictEqual((yield* Effect.flip(kafka.ensureTopics([topic]))).reason._tag, "KafkaUnavailable")
          yield* server.start
          const untilUp = Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))
          yield* kafka.ensureTopics([topic]).pipe(Effect.retry(untilUp))
          yield* kafka.publish(topic, [outgoing("a", "b")]).pipe(Effect.retry(untilUp))
          yield* eventually("the record", () => member.records().length === 1)
        }).pipe(Effect.provide(layerOn(server.brokers)))
      }),
    120_000
  )
})
