import { assert, describe, it } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ownKafkaServer } from "@metka/testing/servers"
import { ConfigProvider, Duration, Effect, Layer, Logger, Schedule } from "effect"
import { Kafka } from "../src/Kafka.ts"
import * as KafkaJs from "../src/KafkaJs.ts"
import { foreignAdmin } from "./foreignClient.ts"
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

  it.live("a topic that is not there is named, with what to do", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      for (const operation of [kafka.lag("no-such", "group"), kafka.publish("no-such", [outgoing("a", "b")])]) {
        const { reason } = yield* Effect.flip(Effect.asVoid(operation))
        assert.strictEqual(reason._tag, "KafkaUnavailable")
        assert.match(reason.message, /no topic no-such: the service creates it if it may; if not, create it/)
      }
    }).pipe(Effect.provide(shared))
  )

  it.live(
    "a topic that vanishes is made again when it is missed, by a consumer and by who publishes, and the flow goes on",
    () =>
      Effect.gen(function* () {
        const admin = yield* foreignAdmin
        const vanish = (topic: string) => Effect.promise(() => admin.deleteTopics({ topics: [topic] }))
        const { group, kafka, topic } = yield* freshTopic
        const [input, output] = [`${topic}.in`, `${topic}.out`]
        yield* kafka.ensureTopics([input, output])
        const member = yield* startMember({ topic: input, group, maxRecords: 10 })
        yield* kafka.publish(input, [outgoing("a", "before")])
        yield* eventually("the record from before", () => member.records().length === 1)
        yield* vanish(input)
        yield* eventuallyTrue(
          "the input is there again",
          Effect.map(
            Effect.promise(() => admin.listTopics()),
            (topics) => topics.includes(input)
          ),
          "60 seconds"
        )
        yield* vanish(output)
        const untilMade = Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))
        yield* Effect.retry(kafka.publish(output, [outgoing("a", "after")]), untilMade)
        yield* Effect.retry(kafka.publish(input, [outgoing("a", "after")]), untilMade)
        yield* eventually("the record from after", () => member.records().length === 2)
      }).pipe(Effect.provide(Layer.merge(shared, RealServers.layer))),
    120_000
  )

  it.live(
    "messages that were deleted before they were read are told of, with their place and what to do",
    () => {
      const warnings: Array<string> = []
      const keep = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })
      return Effect.gen(function* () {
        const brokers = yield* (yield* RealServers).kafkaBrokers
        yield* Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          yield* kafka.publish(topic, [outgoing("a", "read"), outgoing("a", "deleted"), outgoing("a", "left")])
          const first = yield* startMember({ topic, group, maxRecords: 1 })
          yield* eventually("a record", () => first.batches.length > 0)
          const [batch] = first.batches
          if (batch !== undefined) yield* kafka.commit(group, batch)
          yield* first.stop
          const partition = batch?.records[0]?.partition ?? assert.fail("no record")

          const admin = yield* foreignAdmin
          yield* Effect.promise(async () => {
            // It deletes nothing of a topic that it has not asked about before.
            await admin.fetchTopicOffsets(topic)
            await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: "2" }] })
          })
          const second = yield* startMember({ topic, group, maxRecords: 1 })
          yield* eventually("the record that is left", () => second.records().length > 0)
          assert.deepStrictEqual(
            second.records().map(({ offset }) => offset),
            [2]
          )
          assert.lengthOf(warnings, 1)
          assert.include(
            warnings[0],
            `messages of ${topic} partition ${partition} from offset 1 on were deleted before`
          )
          assert.include(warnings[0], "npx metka republish")
          assert.deepInclude(yield* kafka.lag(topic, "never committed"), { partition, start: 2, committed: 2, end: 3 })
        }).pipe(Effect.provide(Layer.provide(layerOn(brokers), Logger.layer([keep]))))
      }).pipe(Effect.provide(RealServers.layer))
    },
    60_000
  )

  it.live("patches/kafkajs: whether a broker answers is asked in one request, and not in two", () =>
    Effect.gen(function* () {
      const admin = yield* foreignAdmin
      const requests: Array<string> = []
      admin.on("admin.network.request", ({ payload }) => requests.push(payload.apiName))
      const { brokers } = yield* Effect.promise(() => admin.describeCluster())
      assert.lengthOf(brokers, 1)
      assert.deepStrictEqual(requests, ["Metadata"])
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("patches/kafkajs: a member leaves its group at once, though a fetch still waits for records", () =>
    Effect.gen(function* () {
      const admin = yield* foreignAdmin
      const { group, topic } = yield* freshTopic
      const describeGroup = Effect.map(
        Effect.promise(() => admin.describeGroups([group])),
        ({ groups: [described] }) => ({ state: described?.state, members: described?.members.length })
      )
      const member = yield* startMember({ topic, group, maxRecords: 10 })
      yield* Effect.repeat(describeGroup, { until: ({ state }) => state === "Stable" })
      const [left] = yield* Effect.timed(member.stop)
      assert.deepStrictEqual(yield* describeGroup, { state: "Empty", members: 0 })
      assert.isBelow(Duration.toMillis(left), 900)
    }).pipe(Effect.provide(Layer.merge(shared, RealServers.layer)))
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
