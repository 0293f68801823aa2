/** The live layer of the Kafka port, on kafkajs. */
import { Clock, type Config, Effect, Layer } from "effect"
import {
  type Admin,
  Kafka as KafkaClient,
  type logCreator,
  type LogEntry,
  type LoggerEntryContent,
  logLevel,
  Partitioners
} from "kafkajs"
import { illegalGeneration, Kafka, KafkaError, KafkaRefused, KafkaUnavailable, offsetsOf } from "./Kafka.ts"
import { registerCodecs } from "./KafkaJsCodecs.ts"
import { kafkaJsConfig } from "./KafkaJsConfig.ts"
import { makeConnection } from "./KafkaJsConnection.ts"
import { GroupMembers } from "./KafkaJsConsumer.ts"
import { isCoordinatorNotReady, isIllegalGeneration, isTopicMissing, kafkaError } from "./KafkaJsErrors.ts"
import { sendAll } from "./KafkaJsProducer.ts"

const clientId = "metka"
const connectionTimeoutMillis = 3_000
const requestTimeoutMillis = 15_000
/** Short: whoever calls waits out an outage, and says so, which kafkajs cannot. */
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 }

const pingTimeoutMillis = 3_000
const adminTimeoutMillis = 15_000
const commitTimeoutMillis = 10_000
/** Several requests, each tried several times. */
const publishTimeoutMillis = 120_000

/** What a broker that has just come up, or created a topic, is given to be ready: 2.5 s in all. */
const readyAttempts = 50
const readyRetryMillis = 50

/** These say in the log what no operation reports: an offset that retention deleted, a member the broker forgot. */
const namespacesThatMatter = new Set(["ConsumerGroup", "Runner"])

/** By retention, or with a broker's disk. Nothing fails: kafkajs goes on with what is there. */
const deletedUnread = ({ offset, partition, topic }: LoggerEntryContent): string =>
  `messages of ${topic} partition ${partition} from offset ${offset} on were deleted before they were read; reading ` +
  "goes on with the earliest there is: `npx metka verify` says what the later stages lack, `npx metka republish` sends " +
  "it again, and orders that STG has not read must be loaded again"

const logEffect = ({ label, level, log, namespace }: LogEntry): Effect.Effect<void> => {
  if (log.message === "Offset out of range, resetting to default offset") return Effect.logWarning(deletedUnread(log))
  const message = `kafkajs ${label} ${namespace}: ${log.message}`
  return level === logLevel.ERROR && namespacesThatMatter.has(namespace)
    ? Effect.logWarning(message)
    : Effect.logDebug(message)
}

const askBroker = async (admin: Admin): Promise<void> => {
  await admin.describeCluster().catch((error: unknown) => {
    // kafkajs reads the reply of "no broker answered" without a look.
    throw error instanceof TypeError ? new Error("no broker answers", { cause: error }) : error
  })
}

/** Offsets come as decimal text; `-1` says that the group never committed. */
const committedOr = (offset: string | undefined, fallback: number): number => {
  const committed = Number(offset ?? -1)
  return committed < 0 ? fallback : committed
}

const untilReady = async <A>(run: () => Promise<A>, isNotReady: (error: unknown) => boolean): Promise<A> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (attempt === readyAttempts || !isNotReady(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, readyRetryMillis))
    }
  }
}

const readLag = async (admin: Admin, topic: string, group: string) => {
  const [logs, committed] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    untilReady(() => admin.fetchOffsets({ groupId: group, topics: [topic] }), isCoordinatorNotReady)
  ]).catch((cause: unknown) => {
    throw kafkaError("lag", { topic, group })(cause)
  })
  const byPartition = new Map(
    committed.flatMap(({ partitions }) => partitions).map(({ offset, partition }) => [partition, offset])
  )
  return logs
    .map(({ high, low, partition }) => ({
      partition,
      start: Number(low),
      committed: committedOr(byPartition.get(partition), Number(low)),
      end: Number(high)
    }))
    .toSorted((a, b) => a.partition - b.partition)
}

/**
 * The controller names a leader before that broker serves the partition, and what is sent in between is refused in
 * part, sent again as a whole, and so written twice.
 */
const untilLed = (admin: Admin, topic: string) =>
  untilReady(
    () => admin.fetchTopicOffsets(topic),
    () => true
  )

/** Rejects with the broker's refusal when a topic is missing and cannot be created. */
const createMissing = async (
  admin: Admin,
  topics: ReadonlyArray<string>,
  shape: { readonly numPartitions: number; readonly replicationFactor: number }
): Promise<void> => {
  const missing = async () => {
    const existing = new Set(await admin.listTopics())
    return [...new Set(topics)].filter((topic) => !existing.has(topic))
  }
  const wanted = await missing()
  if (wanted.length === 0) return
  try {
    await admin.createTopics({ topics: wanted.map((topic) => ({ topic, ...shape })), waitForLeaders: true })
    await Promise.all(wanted.map((topic) => untilLed(admin, topic)))
  } catch (cause) {
    // Another process may have created them in the meantime, or somebody with the right to.
    const left = await missing()
    if (left.length === 0) return
    const { reason } = kafkaError("ensureTopics")(cause)
    const message = `cannot create ${left.join(", ")}: ${reason.message}`
    throw new KafkaError({
      operation: "ensureTopics",
      reason:
        reason._tag === "KafkaRefused" ? new KafkaRefused({ message, cause }) : new KafkaUnavailable({ message, cause })
    })
  }
}

/** Of several brokers none can be named: which one leads a partition changes. */
const serverOf = (brokers: ReadonlyArray<string>): Readonly<Record<string, string | number>> => {
  const [address, port] = brokers.length === 1 ? (brokers[0]?.split(":") ?? []) : []
  return address === undefined ? {} : { "server.address": address, "server.port": Number(port) }
}

/**
 * From the environment (`KAFKA_*`). Builds without a connection: a broker that is down is an outage of the operations,
 * only a wrong configuration fails the layer.
 */
export const layer: Layer.Layer<Kafka, Config.ConfigError> = Layer.effect(
  Kafka,
  Effect.gen(function* () {
    const config = yield* kafkaJsConfig
    registerCodecs()
    const log = Effect.runSyncWith(yield* Effect.context())
    const toEffectLogger: logCreator = () => (entry) => log(logEffect(entry))

    const makeClient = () =>
      new KafkaClient({
        ...config.client,
        clientId,
        connectionTimeout: connectionTimeoutMillis,
        requestTimeout: requestTimeoutMillis,
        retry,
        logLevel: logLevel.INFO,
        logCreator: toEffectLogger
      })
    const client = makeClient()
    const admin = yield* makeConnection(() => client.admin())
    const shape = { numPartitions: config.partitions, replicationFactor: config.replication }
    const ensured = new Set<string>()
    const ensure = (topics: ReadonlyArray<string>) =>
      admin.use("ensureTopics", (client) => createMissing(client, topics, shape), adminTimeoutMillis)
    const ensureAgain = (topic: string, { reason }: KafkaError) =>
      ensured.has(topic) && isTopicMissing(reason) ? ensure([topic]) : Effect.void
    const members = new GroupMembers(makeClient, ensureAgain)
    const producer = yield* makeConnection(() =>
      client.producer({ allowAutoTopicCreation: false, createPartitioner: Partitioners.DefaultPartitioner })
    )

    return Kafka.of({
      consume: (options) => members.consume(options),

      commit: Effect.fnUntraced(function* (group, batch) {
        const isCommitted = yield* Effect.tryPromise({
          try: () => members.commit(group, batch, offsetsOf(batch)),
          catch: (error) =>
            isIllegalGeneration(error)
              ? illegalGeneration(group, batch.topic)
              : kafkaError("commit", { topic: batch.topic, group })(error)
        }).pipe(
          Effect.timeoutOrElse({
            duration: commitTimeoutMillis,
            orElse: () => unavailable("commit", `no answer within ${commitTimeoutMillis} ms`)
          })
        )
        if (!isCommitted) return yield* illegalGeneration(group, batch.topic)
      }),

      publish: Effect.fnUntraced(function* (topic, records) {
        if (records.length === 0) return
        const now = yield* Clock.currentTimeMillis
        yield* producer
          .use("publish", (client) => sendAll(client, topic, records, now), publishTimeoutMillis)
          .pipe(Effect.tapError((error) => ensureAgain(topic, error)))
      }),

      ensureTopics: (topics) =>
        Effect.suspend(() => {
          for (const topic of topics) ensured.add(topic)
          return ensure(topics)
        }),

      lag: (topic, group) => admin.use("lag", (client) => readLag(client, topic, group), adminTimeoutMillis),

      ping: admin.use("ping", askBroker, pingTimeoutMillis),

      attributes: { "messaging.client.id": clientId, ...serverOf(config.client.brokers) }
    })
  })
)

const unavailable = (operation: string, message: string) =>
  Effect.fail(new KafkaError({ operation, reason: new KafkaUnavailable({ message }) }))
