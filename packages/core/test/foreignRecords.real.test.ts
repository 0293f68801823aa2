/** Records as other producers write them, and our layer never does: sent by kafkajs itself to a topic of one partition. */
import { assert, describe, layer } from "@effect/vitest"
import { embedded } from "@metka/testing/databaseLayers"
import { eventuallyTrue } from "@metka/testing/eventually"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ConfigProvider, Effect, Fiber, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import {
  CompressionCodecs,
  CompressionTypes,
  type ITopicConfig,
  KafkaJSNonRetriableError,
  type Message,
  type Producer,
  type Transaction
} from "kafkajs"
import { randomUUID } from "node:crypto"
import { Health } from "../src/Health.ts"
import { type ConsumeOptions, Kafka, type KafkaRecord } from "../src/Kafka.ts"
import * as KafkaJs from "../src/KafkaJs.ts"
import { makeDecoder } from "../src/messages/decodeJson.ts"
import { opsMigrations } from "../src/OpsSchema.ts"
import * as Pipeline from "../src/Pipeline.ts"
import { connected, foreignClient } from "./foreignClient.ts"
import { startMember } from "./kafkaContract.ts"

const ourLayer = Layer.unwrap(
  Effect.gen(function* () {
    const brokers = yield* (yield* RealServers).kafkaBrokers
    return KafkaJs.layer.pipe(
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ KAFKA_BROKERS: brokers })))
    )
  })
)

/** With one partition the last record tells that all before it have been delivered. */
const foreignTopic = Effect.fnUntraced(function* (configuration: Readonly<Record<string, string>> = {}) {
  const client = yield* foreignClient
  const topic = `foreign-${randomUUID().slice(0, 8)}`
  const shape: ITopicConfig = {
    topic,
    numPartitions: 1,
    configEntries: Object.entries(configuration).map(([name, value]) => ({ name, value }))
  }
  const admin = yield* connected(() => client.admin())
  yield* Effect.promise(() => admin.createTopics({ topics: [shape], waitForLeaders: false }))
  // kafkajs waits for leaders, but fails when the broker does not know the topic at all yet.
  yield* eventuallyTrue(
    "the topic is led",
    Effect.tryPromise(() => admin.fetchTopicOffsets(topic)).pipe(
      Effect.as(true),
      Effect.orElseSucceed(() => false)
    )
  )
  const producer = yield* connected(() => client.producer({ allowAutoTopicCreation: false }))
  const send = (messages: ReadonlyArray<Message>, compression = CompressionTypes.None) =>
    Effect.promise(() => producer.send({ topic, messages: [...messages], compression }))
  const transactional = connected(() =>
    client.producer({ transactionalId: `${topic}-${randomUUID()}`, idempotent: true, maxInFlightRequests: 1 })
  )
  return { topic, group: `${topic}-group`, send, transactional }
})

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString("utf8"))
const valueOf = ({ value }: KafkaRecord): string | null => text(value)
const messages = (...values: ReadonlyArray<string>): Array<Message> => values.map((value) => ({ value }))

/** The committed offset and the end of the topic's one partition. */
const progress = Effect.fnUntraced(function* (topic: string, group: string) {
  const [partition = assert.fail("no partition")] = yield* (yield* Kafka).lag(topic, group)
  return partition
})

/** A broker says that a transaction has ended before its marker is in the log, and another record might come first. */
const inTransactions = (topic: string, producer: Producer) =>
  Effect.fnUntraced(function* (end: "commit" | "abort", ...values: ReadonlyArray<string>) {
    const before = yield* progress(topic, "nobody")
    yield* Effect.promise(async () => {
      const open = await producer.transaction()
      await open.send({ topic, messages: messages(...values) })
      await open[end]()
    })
    yield* eventuallyTrue(
      "the marker is written",
      Effect.map(progress(topic, "nobody"), (now) => now.end === before.end + values.length + 1)
    )
  })

/** Consumes, and commits, until this value comes. */
const startMemberUntil = Effect.fnUntraced(function* (
  topic: string,
  group: string,
  onFetching: NonNullable<ConsumeOptions["onFetching"]> = () => Effect.void
) {
  const kafka = yield* Kafka
  const member = yield* startMember({ topic, group, maxRecords: 1_000, onFetching }, (batch) =>
    Effect.orDie(kafka.commit(group, batch))
  )
  const until = (value: string) =>
    eventuallyTrue(
      `the record ${value}`,
      Effect.sync(() => member.records().some((record) => valueOf(record) === value))
    )
  return { ...member, until }
})

const deliveredUntil = Effect.fnUntraced(function* (
  value: string,
  { group, topic }: { readonly group: string; readonly topic: string }
) {
  const member = yield* startMemberUntil(topic, group)
  yield* member.until(value)
  return member.records()
})

/**
 * kafkajs takes the names of headers as text. Of a batch that it compresses the bytes can be changed before: this name
 * stands for one that is not UTF-8.
 */
const nameToBe = "name-of-bytes"
const nameOfBytes = Buffer.from("name-\xff\xfe-bytes", "latin1")
const nameRead = "name-\uFFFD\uFFFD-bytes"

/** A batch with this text cannot be unpacked, until a test lets it. */
const locked = "locked up"
const attempts: Array<number> = []
let isLocked = true

const gzip = CompressionCodecs[CompressionTypes.GZIP]
CompressionCodecs[CompressionTypes.GZIP] = () => ({
  ...gzip(),
  compress: (encoder: { readonly buffer: Buffer }) => {
    const at = encoder.buffer.indexOf(nameToBe)
    if (at >= 0) encoder.buffer.set(nameOfBytes, at)
    return gzip().compress(encoder)
  },
  decompress: async (compressed: Buffer) => {
    const bytes: Buffer = await gzip().decompress(compressed)
    if (!bytes.includes(locked)) return bytes
    attempts.push(performance.now())
    if (isLocked) throw new KafkaJSNonRetriableError("cannot be unpacked")
    return bytes
  }
})

/** kafkajs's types deny the header without a value, which Kafka and the library know. */
const withoutValue = null as unknown as undefined

const oddHeaders = {
  empty: "",
  none: withoutValue,
  twice: ["first", "last"],
  lastIsNone: ["first", withoutValue as never]
}

const described = ({ headers, key, offset, timestamp, value }: KafkaRecord) => ({
  offset,
  timestamp,
  key: text(key),
  value: text(value),
  headers: Object.fromEntries(Array.from(headers, ([name, bytes]) => [name, text(bytes)]))
})

const decode = makeDecoder(Schema.Struct({ order: Schema.Number }))

describe.skipIf(isMissing("kafka"))("On real Kafka", () => {
  layer(Layer.provideMerge(Layer.mergeAll(ourLayer, embedded(opsMigrations)), RealServers.layer), {
    excludeTestServices: true,
    timeout: "2 minutes",
    // Each leaves a group, and waits for a fetch under way.
    concurrent: true
  })("Records of other producers", (it) => {
    it.effect("arrive compressed by any codec with all that they have uncompressed", () =>
      Effect.gen(function* () {
        const sent = Array.from({ length: 300 }, (_, index) => ({
          key: index % 3 === 0 ? null : `guest-${index}`,
          value: index % 50 === 1 ? null : `{"dish":"Рис с лимоном","order":${index}}`.padEnd(400),
          headers: index % 2 === 0 ? {} : { "order-id": String(index), name: "Котова Ольга" },
          timestamp: String(1_680_000_000_000 + ((index * 7_919) % 10_000_000))
        }))
        const [last = assert.fail("none")] = sent.slice(-1)
        const plain = yield* foreignTopic()
        // Only compressed do so many records fit in one batch.
        const compressed = yield* foreignTopic({ "max.message.bytes": "40000" })
        const recompressed = yield* Effect.forEach(["snappy", "lz4", "zstd"], (codec) =>
          foreignTopic({ "compression.type": codec })
        )
        yield* plain.send(sent)
        yield* compressed.send(sent, CompressionTypes.GZIP)
        for (const { send } of recompressed) yield* send(sent)
        const [ofPlain, ...ofCompressed] = yield* Effect.forEach(
          [plain, compressed, ...recompressed],
          (topic) => deliveredUntil(last.value ?? "", topic),
          { concurrency: "unbounded" }
        )
        const asSent = sent.map(({ timestamp, ...message }, offset) => ({
          ...message,
          offset,
          timestamp: Number(timestamp)
        }))
        assert.deepStrictEqual(ofPlain?.map(described), asSent)
        assert.strictEqual(ofCompressed.length, 4)
        for (const records of ofCompressed) assert.deepStrictEqual(records.map(described), asSent)
      }).pipe(Effect.scoped)
    )

    it.effect("that nobody here can read stop the consumer, which says so, and are read as soon as they can be", () =>
      Effect.gen(function* () {
        const { group, send, topic } = yield* foreignTopic()
        yield* send(messages(locked), CompressionTypes.GZIP)
        const problems: Array<string | undefined> = []
        const { until } = yield* startMemberUntil(topic, group, (problem) =>
          Effect.sync(() => problems.push(problem?.message))
        )
        yield* eventuallyTrue(
          "five attempts",
          Effect.sync(() => attempts.length >= 5)
        )
        const [first = 0, , , , fifth = 0] = attempts
        assert.isAbove(fifth - first, 1_400, "ever more seldom")
        assert.strictEqual(problems[0], "Kafka consume: cannot be unpacked")
        isLocked = false
        yield* until(locked)
        assert.isUndefined(problems.at(-1))
      }).pipe(Effect.scoped)
    )

    it.effect("have the broker's time, all of a batch, where the topic's time is the broker's", () =>
      Effect.gen(function* () {
        const topic = yield* foreignTopic({ "message.timestamp.type": "LogAppendTime" })
        const sentAt = Date.now()
        const longAgo = (value: string, index: number) => ({
          value,
          timestamp: String(1_000_000_000_000 + index * 60_000)
        })
        const batches = [
          ["a", "b", "c"],
          ["d", "e", "last"]
        ]
        for (const [index, values] of batches.entries()) {
          yield* topic.send(values.map(longAgo), index === 0 ? CompressionTypes.None : CompressionTypes.GZIP)
        }
        const records = yield* deliveredUntil("last", topic)
        assert.deepStrictEqual(records.map(valueOf), batches.flat())
        for (const { timestamp } of records) assert.approximately(timestamp, sentAt, 60_000)
        assert.strictEqual(new Set(records.slice(0, 3).map(({ timestamp }) => timestamp)).size, 1)
        assert.strictEqual(new Set(records.slice(3).map(({ timestamp }) => timestamp)).size, 1)
      }).pipe(Effect.scoped)
    )

    it.effect("of transactions are delivered once committed, never when aborted, and markers are passed over", () =>
      Effect.gen(function* () {
        const { group, send, topic, transactional } = yield* foreignTopic()
        const transaction = inTransactions(topic, yield* transactional)
        yield* send(messages("before"))
        yield* transaction("commit", "committed 1", "committed 2")
        // More than one fetch brings of a partition: it brings nothing else.
        yield* transaction("abort", "aborted 1".padEnd(300_000), "aborted 2".padEnd(300_000))
        yield* send(messages("between"))
        yield* transaction("abort", "aborted 3")
        yield* transaction("commit", "committed 3")
        yield* send(messages("last"))
        const records = yield* deliveredUntil("last", { group, topic })
        assert.deepStrictEqual(
          records.map((record) => [record.offset, valueOf(record)]),
          [
            [0, "before"],
            [1, "committed 1"],
            [2, "committed 2"],
            [7, "between"],
            [10, "committed 3"],
            [12, "last"]
          ]
        )
        yield* eventuallyTrue(
          "no lag",
          Effect.map(progress(topic, group), ({ committed, end }) => committed === 13 && end === 13)
        )
      }).pipe(Effect.scoped)
    )

    it.effect("of two transactions that are aborted crosswise are not delivered, wherever consumption begins", () =>
      Effect.gen(function* () {
        const kafka = yield* Kafka
        const { group, send, topic, transactional } = yield* foreignTopic()
        const [first, second] = [yield* transactional, yield* transactional]
        const write = (open: Transaction, value: string) =>
          Effect.promise(() => open.send({ topic, messages: messages(value) }))
        const outer = yield* Effect.promise(() => first.transaction())
        yield* write(outer, "outer, before")
        const inner = yield* Effect.promise(() => second.transaction())
        yield* write(inner, "inner, before")
        yield* send(messages("between"))
        yield* write(inner, "inner, after")
        yield* Effect.promise(() => inner.abort())
        yield* write(outer, "outer, after")
        yield* Effect.promise(() => outer.abort())
        yield* send(messages("last"))

        const member = yield* startMember({ topic, group, maxRecords: 1 })
        yield* eventuallyTrue(
          "the last record",
          Effect.sync(() => member.records().map(valueOf).includes("last"))
        )
        assert.deepStrictEqual(member.records().map(valueOf), ["between", "last"])
        yield* kafka.commit(group, member.batches[0] ?? assert.fail("no batch"))
        yield* member.stop
        assert.deepStrictEqual((yield* deliveredUntil("last", { group, topic })).map(valueOf), ["last"])
      }).pipe(Effect.scoped)
    )

    it.effect("of an aborted transaction are not delivered, though a key reads as the marker of its end", () =>
      Effect.gen(function* () {
        const { group, send, topic, transactional } = yield* foreignTopic()
        const producer = yield* transactional
        yield* Effect.promise(async () => {
          const open = await producer.transaction()
          // As a 32-bit number the key 0.
          await open.send({ topic, messages: [{ key: Buffer.alloc(4), value: "guest 0" }, ...messages("another")] })
          await open.abort()
        })
        yield* send(messages("last"))
        assert.deepStrictEqual((yield* deliveredUntil("last", { group, topic })).map(valueOf), ["last"])
      }).pipe(Effect.scoped)
    )

    it.effect("that are aborted, and markers, count as no lag at the end of a topic", () =>
      Effect.gen(function* () {
        const { group, send, topic, transactional } = yield* foreignTopic()
        const transaction = inTransactions(topic, yield* transactional)
        yield* transaction("abort", "aborted before")
        const member = yield* startMemberUntil(topic, group)
        const reached = (committed: number, end: number) =>
          eventuallyTrue(
            `${committed} of ${end}`,
            Effect.map(progress(topic, group), (now) => now.committed === committed && now.end === end)
          )
        yield* reached(2, 2)
        yield* transaction("commit", "committed 1", "committed 2")
        yield* member.until("committed 2")
        yield* reached(5, 5)
        yield* transaction("abort", "aborted")
        yield* reached(7, 7)
        yield* send(messages("last"))
        yield* member.until("last")
        yield* reached(8, 8)
        assert.deepStrictEqual(member.records().map(valueOf), ["committed 1", "committed 2", "last"])
      }).pipe(Effect.scoped)
    )

    it.effect("say of their headers what has a value, the last of each name, and a name as text", () =>
      Effect.gen(function* () {
        const { group, send, topic } = yield* foreignTopic()
        yield* send([{ value: "last", headers: { ...oddHeaders, [nameToBe]: "of bytes" } }], CompressionTypes.GZIP)
        const [record = assert.fail("none")] = yield* deliveredUntil("last", { group, topic })
        assert.deepStrictEqual(described(record).headers, { empty: "", twice: "last", [nameRead]: "of bytes" })
        const { headers } = record
        assert.deepStrictEqual(
          ["empty", "none", "twice", "lastIsNone", nameRead].map((name) => text(headers.get(name) ?? null)),
          ["", null, "last", null, null]
        )
      }).pipe(Effect.scoped)
    )

    it.effect("become dead letters, whatever their key, value and headers lack, and do not stop those behind", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { group, send, topic } = yield* foreignTopic()
        yield* send(
          [
            { key: null, value: "no key" },
            { key: "tombstone", value: null },
            { key: "", value: "" },
            { key: "odd headers", value: "1", headers: { ...oddHeaders, [nameToBe]: "of bytes" } },
            { key: null, value: `{"order":1}`, headers: oddHeaders }
          ],
          CompressionTypes.GZIP
        )
        const stored: Array<number> = []
        const stage = yield* Effect.forkScoped(
          Pipeline.run({
            service: "tests",
            isFirst: true,
            topic,
            group,
            output: `${topic}-output`,
            maxRecords: 100,
            decode: ({ value }) => decode(value),
            enrich: (received) => Effect.succeed(received.map(({ message }) => message.order)),
            store: (orders) => {
              stored.push(...orders)
              return Effect.succeed({ outgoing: [], outcomes: { accepted: orders.length } })
            }
          })
        )
        yield* eventuallyTrue(
          "all is committed",
          Effect.map(progress(topic, group), ({ committed, end }) => committed === 5 && end === 5)
        )
        yield* Fiber.interrupt(stage)
        assert.deepStrictEqual(stored, [1])
        const letters = yield* sql<Record<string, unknown>>`
          select convert_from(key, 'UTF8') as key, convert_from(value, 'UTF8') as value, headers, reason
          from ops.dead_letters where topic = ${topic} order by "offset"`
        assert.deepStrictEqual(letters, [
          { key: null, value: "no key", headers: {}, reason: "not_json" },
          { key: "tombstone", value: null, headers: {}, reason: "empty_value" },
          { key: "", value: "", headers: {}, reason: "empty_value" },
          {
            key: "odd headers",
            value: "1",
            headers: { empty: "", twice: "last", [nameRead]: "of bytes" },
            reason: "schema"
          }
        ])
      }).pipe(Effect.scoped, Effect.provide(Health.layer({ components: ["kafka", "postgres", "redis"] })))
    )
  })
})
