import { assert, describe, layer as withLayer } from "@effect/vitest"
import { eventually } from "@metka/testing/eventually"
import { isMissing } from "@metka/testing/realServers"
import { ownKafkaCluster } from "@metka/testing/servers"
import { topicRecords } from "@metka/testing/topicRecords"
import { ConfigProvider, Context, Effect, Fiber, Layer, Schedule } from "effect"
import { type Admin, Kafka as KafkaClient, logLevel } from "kafkajs"
import type { KafkaRecord } from "../src/Kafka.ts"
import * as KafkaJs from "../src/KafkaJs.ts"
import { connected } from "./foreignClient.ts"
import { freshTopic, outgoing, startMember } from "./kafkaContract.ts"

/** Their ids in Kafka. */
const nodes = [1, 2, 3]

class Cluster extends Context.Service<
  Cluster,
  {
    readonly admin: Admin
    readonly signal: (node: number, signal: NodeJS.Signals) => Effect.Effect<void>
  }
>()("metka/core/test/Cluster") {}

const cluster = Layer.unwrap(
  Effect.gen(function* () {
    const servers = yield* ownKafkaCluster(nodes.length)
    const brokers = servers.map((server) => server.brokers)
    const client = new KafkaClient({ brokers, clientId: "foreign", logLevel: logLevel.NOTHING })
    const admin = yield* connected(() => client.admin())
    const signal = (node: number, name: NodeJS.Signals) =>
      servers[node - 1]?.signal(name) ?? Effect.die(new RangeError(`there is no broker ${node}`))
    const env = { KAFKA_BROKERS: brokers.join(","), KAFKA_TOPIC_REPLICATION: String(nodes.length) }
    return Layer.merge(
      Layer.succeed(Cluster, Cluster.of({ admin, signal })),
      KafkaJs.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))))
    )
  })
)

/** A broker learns of topics and leaders a moment after the controller. */
const untilKnown = Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "60 seconds" }))

const leadersOf = (topic: string) =>
  Effect.gen(function* () {
    const { admin } = yield* Cluster
    const { topics } = yield* Effect.tryPromise(() => admin.fetchTopicMetadata({ topics: [topic] }))
    return new Map(topics[0]?.partitions.map(({ leader, partitionId }) => [partitionId, leader]))
  }).pipe(Effect.retry(untilKnown))

/** Resolves when these brokers lead these partitions: the first of its replicas leads a partition. */
const lead = Effect.fnUntraced(function* (topic: string, leaders: ReadonlyArray<number>) {
  const { admin } = yield* Cluster
  const partitionAssignment = leaders.map((leader, partition) => ({
    partition,
    replicas: [leader, ...nodes.filter((node) => node !== leader)]
  }))
  yield* Effect.promise(() => admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] }))
  yield* eventually(
    `partitions are led by ${leaders.join()}`,
    Effect.map(leadersOf(topic), (now) =>
      leaders.flatMap((leader, partition) =>
        now.get(partition) === leader ? [] : [`${partition} is led by ${now.get(partition)}`]
      )
    ),
    "60 seconds"
  )
})

/**
 * In each step one broker gives what it leads to the others, who keep what they have: of what is sent meanwhile they
 * acknowledge their part, and are given the rest.
 */
const moves = [
  [1, 2, 3, 1, 2, 3],
  [2, 2, 3, 3, 2, 3],
  [1, 3, 3, 3, 1, 3],
  [1, 2, 1, 2, 1, 2],
  [3, 2, 3, 2, 2, 2],
  [3, 1, 3, 3, 1, 3]
]

/** By which Kafka chooses the partition of a group's offsets, whose leader is the group's coordinator. */
const hashCode = (text: string): number => Buffer.from(text).reduce((hash, byte) => (Math.imul(31, hash) + byte) | 0, 0)

const coordinatorOf = (group: string) =>
  Effect.map(leadersOf("__consumer_offsets"), (leaders) => leaders.get(Math.abs(hashCode(group)) % leaders.size) ?? 0)

const valuesOf = (records: ReadonlyArray<KafkaRecord>): ReadonlySet<string> =>
  new Set(records.map(({ value }) => Buffer.from(value ?? []).toString()))

/** A topic on all brokers, who publishes to it, and a member that commits what it is delivered. */
const flow = Effect.gen(function* () {
  const { group, kafka, topic } = yield* Effect.retry(freshTopic, untilKnown)
  const member = yield* startMember({ topic, group, maxRecords: 1_000 }, (batch) =>
    // A new coordinator loads at first.
    Effect.ignore(Effect.retry(kafka.commit(group, batch), { schedule: Schedule.spaced("500 millis"), times: 10 }))
  )
  const acknowledged: Array<string> = []
  let sent = 0
  /** Each with a key of its own, so that every request has records for every broker. */
  const publish = Effect.suspend(() => {
    const values = Array.from({ length: 30 }, () => String(sent++))
    return kafka
      .publish(
        topic,
        values.map((value) => outgoing(value, value))
      )
      .pipe(Effect.retry(untilKnown), Effect.andThen(Effect.sync(() => void acknowledged.push(...values))))
  })
  const notIn = (records: ReadonlyArray<KafkaRecord>) => {
    const values = valuesOf(records)
    return acknowledged.filter((value) => !values.has(value)).map((value) => `${value} is missing`)
  }
  const lost = Effect.map(Effect.retry(topicRecords(topic), untilKnown), notIn)
  const delivered = eventually(
    "what is acknowledged is delivered",
    Effect.sync(() => notIn(member.records()))
  )
  const committed = eventually(
    "all is committed",
    Effect.map(Effect.retry(kafka.lag(topic, group), untilKnown), (lag) =>
      lag.filter(({ committed, end }) => committed < end).map(({ partition }) => `partition ${partition} is not`)
    )
  )
  return { kafka, topic, group, acknowledged, publish, lost, delivered, committed }
})

describe.skipIf(isMissing("kafka"))("On several Kafka brokers", () => {
  withLayer(cluster, { excludeTestServices: true, timeout: "2 minutes" })((it) => {
    it.effect(
      "no record that was acknowledged is missing when partitions change their leaders",
      () =>
        Effect.gen(function* () {
          const { acknowledged, committed, delivered, lost, publish, topic } = yield* flow
          const publishing = yield* Effect.forkScoped(Effect.forever(Effect.andThen(publish, Effect.yieldNow)))
          for (const leaders of moves) {
            const before = acknowledged.length
            yield* lead(topic, leaders)
            yield* eventually(
              "publishing goes on",
              Effect.sync(() => (acknowledged.length > before ? [] : ["nothing is acknowledged"]))
            )
          }
          yield* Fiber.interrupt(publishing)
          assert.deepStrictEqual(yield* lost, [])
          yield* delivered
          yield* committed
        }),
      120_000
    )

    it.effect(
      "records of all partitions are taken and delivered while a broker takes connections and answers nothing",
      () =>
        Effect.gen(function* () {
          const { signal } = yield* Cluster
          const { committed, delivered, group, kafka, lost, publish } = yield* flow
          yield* publish
          yield* delivered
          const frozen = yield* coordinatorOf(group)
          yield* signal(frozen, "SIGSTOP")
          yield* Effect.andThen(publish, delivered).pipe(
            Effect.andThen(committed),
            // As the probe of health asks, which does not wait for longer.
            Effect.andThen(Effect.retry(Effect.timeout(kafka.ping, "2 seconds"), untilKnown)),
            Effect.timeout("60 seconds"),
            Effect.ensuring(signal(frozen, "SIGCONT"))
          )
          yield* publish
          assert.deepStrictEqual(yield* lost, [])
          yield* delivered
          yield* committed
        }),
      120_000
    )
  })
})
