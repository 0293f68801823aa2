/** What every layer of the Kafka port promises: one suite for memory and real Kafka. Names are unique to each test. */
import { assert, layer as withLayer } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, type Layer, Schedule, Stream } from "effect"
import { randomUUID } from "node:crypto"
import {
  type Assignment,
  type ConsumeOptions,
  Kafka,
  type KafkaRecord,
  type OutgoingRecord,
  type RecordBatch
} from "../src/Kafka.ts"

const unique = (name: string): string => `${name}-${randomUUID().slice(0, 8)}`

/** Looks until the condition holds; fails with `what` after half a minute. */
export const eventually = (what: string, condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail(what))).pipe(
    Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))),
    Effect.catch((message) => Effect.die(new Error(`never: ${message}`)))
  )

const text = (bytes: Uint8Array | null): string => (bytes === null ? "" : Buffer.from(bytes).toString("utf8"))
const valueOf = (record: KafkaRecord): string => text(record.value)
const placeOf = (record: KafkaRecord): string => `${record.partition}:${record.offset}`

export const outgoing = (key: string | null, value: string): OutgoingRecord => ({ key, value, headers: {} })
const numbered = (count: number, key: (index: number) => string | null, from = 0): Array<OutgoingRecord> =>
  Array.from({ length: count }, (_, index) => outgoing(key(from + index), String(from + index)))

/** A topic of its own with a group of its own. */
export const freshTopic = Effect.gen(function* () {
  const kafka = yield* Kafka
  const topic = unique("contract")
  yield* kafka.ensureTopics([topic])
  return { topic, group: unique("group"), kafka }
})

/** Consumes in the background until `stop` or the end of the scope; commits nothing, unless told what to do. */
export const startMember = Effect.fnUntraced(function* (
  options: ConsumeOptions,
  process: (batch: RecordBatch) => Effect.Effect<void> = () => Effect.void
) {
  const kafka = yield* Kafka
  const batches: Array<RecordBatch> = []
  const fiber = yield* kafka.consume(options).pipe(
    Stream.runForEach((batch) =>
      Effect.suspend(() => {
        batches.push(batch)
        return process(batch)
      })
    ),
    Effect.forkScoped
  )
  return {
    batches,
    records: () => batches.flatMap((batch) => batch.records),
    /** Whether the stream ended by itself, which it must not. */
    hasEnded: () => fiber.pollUnsafe() !== undefined,
    /** Leaves the group. */
    stop: Fiber.interrupt(fiber)
  }
})

/** Consumes until `count` records came, then leaves the group. */
const take = Effect.fnUntraced(function* (options: ConsumeOptions, count: number) {
  const member = yield* startMember(options)
  yield* eventually(`${count} records`, () => member.records().length >= count)
  yield* member.stop
  return member.records()
}, Effect.scoped)

export const kafkaContract = <E>(name: string, layer: Layer.Layer<Kafka, E>): void => {
  withLayer(layer, { excludeTestServices: true, timeout: "2 minutes" })(name, (it) => {
    it.effect(
      "a new group starts at the earliest offset",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          yield* kafka.publish(
            topic,
            numbered(20, (index) => `guest-${index}`)
          )
          const records = yield* take({ topic, group, maxRecords: 100 }, 20)
          assert.deepStrictEqual(
            records.map((record) => Number(valueOf(record))).toSorted((a, b) => a - b),
            [...Array(20).keys()]
          )
        }),
      60_000
    )

    it.effect(
      "restarts from the committed position",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 4 }
          yield* kafka.publish(
            topic,
            numbered(10, () => "one guest")
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              const first = yield* startMember(options)
              yield* eventually("two batches", () => first.batches.length >= 2)
              const [batch] = first.batches
              if (batch !== undefined) yield* kafka.commit(group, batch)
              yield* first.stop
            })
          )
          const again = yield* take(options, 6)
          assert.deepStrictEqual(again.map(valueOf), ["4", "5", "6", "7", "8", "9"])
        }),
      60_000
    )

    it.effect(
      "redelivers what was not committed after a rebalance, and not what was",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 1_000 }
          yield* kafka.publish(
            topic,
            numbered(60, (index) => `guest-${index}`)
          )
          const first = yield* startMember(options)
          yield* eventually("all records", () => first.records().length >= 60)
          const committed = first.records().filter((record) => record.partition % 2 === 0)
          const uncommitted = first.records().filter((record) => record.partition % 2 === 1)
          assert.isAbove(committed.length, 0)
          assert.isAbove(uncommitted.length, 0)
          const { generation } = first.batches[0] ?? assert.fail("no batch")
          yield* kafka.commit(group, { topic, generation, records: committed, highWatermarks: new Map() })

          const second = yield* startMember(options)
          const deliveries = () => Map.groupBy([...first.records(), ...second.records()], placeOf)
          yield* eventually("the uncommitted records again", () =>
            uncommitted.every((record) => (deliveries().get(placeOf(record)) ?? []).length >= 2)
          )
          assert.deepStrictEqual(
            committed.filter((record) => (deliveries().get(placeOf(record)) ?? []).length > 1).map(placeOf),
            []
          )
        }),
      60_000
    )

    it.effect(
      "keeps the order of a key",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const key = (index: number) => `guest-${index % 7}`
          for (const from of [0, 100, 200]) yield* kafka.publish(topic, numbered(100, key, from))
          const records = yield* take({ topic, group, maxRecords: 16 }, 300)
          for (const [guest, ofGuest] of Map.groupBy(records, (record) => text(record.key))) {
            // A request that is sent again may write records twice: the first of each counts.
            const values = [...new Set(ofGuest.map((record) => Number(valueOf(record))))]
            assert.deepStrictEqual(
              values,
              values.toSorted((a, b) => a - b),
              guest
            )
            assert.strictEqual(new Set(ofGuest.map((record) => record.partition)).size, 1, guest)
          }
        }),
      60_000
    )

    it.effect(
      "merges the partitions that wait into one batch, and never exceeds maxRecords",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          yield* kafka.publish(
            topic,
            numbered(500, (index) => `guest-${index}`)
          )
          const gate = yield* Deferred.make<void>()
          const member = yield* startMember({ topic, group, maxRecords: 400 }, () => Deferred.await(gate))
          yield* eventually("a first batch", () => member.batches.length > 0)
          // Until another group has all of them, the rest is fetched while the first batch is being processed.
          yield* take({ topic, group: unique("observer"), maxRecords: 1_000 }, 500)
          yield* Deferred.succeed(gate, undefined)
          yield* eventually("all records", () => member.records().length >= 500)
          assert.isBelow(member.batches.length, 6, "a batch for each partition")
          for (const batch of member.batches) {
            assert.isAtMost(batch.records.length, 400)
            for (const { offset, partition } of batch.records) {
              assert.isAbove(batch.highWatermarks.get(partition) ?? 0, offset)
            }
          }
        }),
      60_000
    )

    it.effect(
      "two members share the partitions",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 100 }
          const first = yield* startMember(options, (batch) => Effect.ignore(kafka.commit(group, batch)))
          const second = yield* startMember(options, (batch) => Effect.ignore(kafka.commit(group, batch)))
          const partitionsIn = (member: typeof first, round: string) =>
            new Set(
              member
                .records()
                .filter((record) => valueOf(record) === round)
                .map((record) => record.partition)
            )
          const shared = Effect.gen(function* () {
            const round = unique("round")
            yield* kafka.publish(
              topic,
              Array.from({ length: 60 }, (_, index) => outgoing(`guest-${index}`, round))
            )
            yield* eventually(
              "the whole round",
              () => partitionsIn(first, round).union(partitionsIn(second, round)).size === 6
            )
            const [one, other] = [partitionsIn(first, round), partitionsIn(second, round)]
            return one.size === 3 && other.size === 3
          })
          // Until both have joined one of them has all partitions.
          const settled = yield* shared.pipe(
            Effect.repeat(
              Schedule.spaced("50 millis").pipe(
                Schedule.upTo({ duration: "30 seconds" }),
                Schedule.setInputType<boolean>(),
                Schedule.while(({ input }) => !input)
              )
            ),
            Effect.andThen(shared)
          )
          assert.isTrue(settled)
        }),
      60_000
    )

    it.effect(
      "survives slow processing without losing the membership, and lets others join meanwhile",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 5 }
          yield* kafka.publish(
            topic,
            numbered(600, (index) => `guest-${index}`)
          )
          const outage = yield* Deferred.make<void>()
          const slow = yield* startMember(options, () => Deferred.await(outage))
          yield* eventually("a batch", () => slow.batches.length === 1)
          // If the slow member did not answer the group, the other would wait for the rebalance timeout, 30 s.
          const other = yield* startMember(options)
          yield* eventually("the share of the other", () => other.records().length > 0).pipe(
            Effect.timeout("15 seconds")
          )
          yield* Deferred.succeed(outage, undefined)
          const delivered = () => new Set([...slow.records(), ...other.records()].map(valueOf)).size
          yield* eventually("every record", () => delivered() === 600)
          yield* kafka.commit(group, slow.batches.at(-1) ?? assert.fail("no batch"))
        }),
      60_000
    )

    it.effect(
      "leaves the group within a second, and what comes next is delivered at once",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 100 }
          yield* kafka.publish(
            topic,
            numbered(10, (index) => `guest-${index}`)
          )
          const first = yield* startMember(options)
          yield* eventually("the records", () => first.records().length >= 10)
          const [left] = yield* Effect.timed(first.stop)
          assert.isBelow(Duration.toMillis(left), 1_000)
          const [joined, records] = yield* Effect.timed(take(options, 10))
          assert.strictEqual(records.length, 10)
          assert.isBelow(Duration.toMillis(joined), 5_000, "the group still knew the member that left")
        }),
      60_000
    )

    it.effect(
      "leaves the group within a second while processing stands still",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          yield* kafka.publish(
            topic,
            numbered(600, (index) => `guest-${index}`)
          )
          const member = yield* startMember({ topic, group, maxRecords: 5 }, () => Effect.never)
          yield* eventually("a batch", () => member.batches.length === 1)
          const [left] = yield* Effect.timed(member.stop)
          assert.isBelow(Duration.toMillis(left), 1_000)
        }),
      60_000
    )

    it.effect(
      "a commit of who has left the group is refused, and moves nothing",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          yield* kafka.publish(
            topic,
            numbered(3, () => "one guest")
          )
          const member = yield* startMember({ topic, group, maxRecords: 100 })
          yield* eventually("the records", () => member.records().length === 3)
          yield* member.stop
          const error = yield* Effect.flip(kafka.commit(group, member.batches[0] ?? assert.fail("no batch")))
          assert.strictEqual(error.reason._tag, "IllegalGeneration")
          assert.isTrue((yield* kafka.lag(topic, group)).every(({ committed }) => committed === 0))
        }),
      60_000
    )

    it.effect(
      "what was delivered before a rebalance takes back no offset, though its partition has come back",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 3 }
          yield* kafka.publish(
            topic,
            numbered(6, () => "one guest")
          )
          const member = yield* startMember(options)
          yield* eventually("two batches", () => member.records().length === 6)
          const [first, second] = member.batches
          yield* kafka.commit(group, second ?? assert.fail("no second batch"))
          const other = yield* startMember(options)
          yield* kafka.publish(
            topic,
            numbered(60, (index) => `guest-${index}`)
          )
          yield* eventually("the share of the other", () => other.records().length > 0)
          yield* other.stop
          yield* kafka.publish(topic, [outgoing("one guest", "last")])
          yield* eventually("the last record", () => member.records().map(valueOf).includes("last"))

          const error = yield* Effect.flip(kafka.commit(group, first ?? assert.fail("no first batch")))
          assert.strictEqual(error.reason._tag, "IllegalGeneration")
          const committed = (yield* kafka.lag(topic, group)).reduce((sum, partition) => sum + partition.committed, 0)
          assert.strictEqual(committed, 6)
        }),
      60_000
    )

    it.effect(
      "delivers nothing before its member has been told of the partitions, and then from where that said, which is committed",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 100 }
          yield* kafka.publish(
            topic,
            numbered(10, () => "one guest")
          )
          const partition = yield* Effect.scoped(
            Effect.gen(function* () {
              const before = yield* startMember(options, (batch) => Effect.orDie(kafka.commit(group, batch)))
              yield* eventually("the records", () => before.records().length === 10)
              return before.records()[0]?.partition ?? assert.fail("no record")
            })
          )
          const committed = Effect.map(kafka.lag(topic, group), (lags) => lags[partition]?.committed)
          assert.strictEqual(yield* committed, 10)
          yield* kafka.publish(topic, [outgoing("one guest", "10")])

          const told = yield* Deferred.make<ReadonlyArray<number>>()
          const answer = yield* Deferred.make<void>()
          const member = yield* startMember({
            ...options,
            onAssigned: ({ goOnAt, partitions }) =>
              Deferred.succeed(told, partitions).pipe(
                Effect.andThen(Deferred.await(answer)),
                Effect.andThen(goOnAt(new Map([[partition, 4]]))),
                Effect.orDie
              )
          })
          assert.include(yield* Deferred.await(told), partition)
          // By the time that another group has it, it has been fetched.
          yield* take({ topic, group: unique("observer"), maxRecords: 100 }, 11)
          assert.isEmpty(member.records())
          yield* Deferred.succeed(answer, undefined)
          yield* eventually("the records again", () => member.records().length >= 7)
          assert.deepStrictEqual(member.records().map(valueOf), ["4", "5", "6", "7", "8", "9", "10"])
          assert.strictEqual(yield* committed, 4)
          yield* kafka.commit(group, member.batches.at(-1) ?? assert.fail("no batch"))
          assert.strictEqual(yield* committed, 11)
        }),
      60_000
    )

    it.effect(
      "the assignment of an earlier generation moves nothing",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const options = { topic, group, maxRecords: 100 }
          yield* kafka.publish(
            topic,
            numbered(60, (index) => `guest-${index}`)
          )
          const assignments: Array<Assignment> = []
          const onAssigned = (assignment: Assignment) => Effect.sync(() => void assignments.push(assignment))
          const first = yield* startMember({ ...options, onAssigned })
          yield* eventually("all records", () => first.records().length === 60)
          const second = yield* startMember(options)
          yield* eventually("the share of the other", () => second.records().length > 0)
          const before = yield* kafka.lag(topic, group)
          const [alone, ...later] = assignments
          assert.lengthOf(alone?.partitions ?? [], 6)
          assert.lengthOf(later.at(-1)?.partitions ?? [], 3)
          const error = yield* Effect.flip(alone?.goOnAt(new Map([[0, 2]])) ?? Effect.void)
          assert.strictEqual(error?.reason._tag, "IllegalGeneration")
          assert.deepStrictEqual(yield* kafka.lag(topic, group), before)
        }),
      60_000
    )

    it.effect(
      "a record over the broker's limit is refused as RecordTooLarge and the others can still be sent",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const small = numbered(3, (index) => `guest-${index}`)
          const large = outgoing("large", "x".repeat(2_000_000))
          const error = yield* Effect.flip(kafka.publish(topic, [large, ...small]))
          assert.strictEqual(error.reason._tag, "RecordTooLarge")
          yield* kafka.publish(topic, small)
          const records = yield* take({ topic, group, maxRecords: 100 }, 3)
          assert.deepStrictEqual(records.map(valueOf).toSorted(), ["0", "1", "2"])
        }),
      60_000
    )

    it.effect(
      "a record just below the broker's limit is sent",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          yield* kafka.publish(topic, [
            outgoing("a", "small"),
            outgoing("a", "x".repeat(1_040_000)),
            outgoing("a", "last")
          ])
          const records = yield* take({ topic, group, maxRecords: 100 }, 3)
          assert.deepStrictEqual(
            records.map((record) => record.value?.byteLength),
            [5, 1_040_000, 4]
          )
        }),
      60_000
    )

    it.effect(
      "a batch of 5,000 x 1 KB records to one partition is sent, in order",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const values = Array.from({ length: 5_000 }, (_, index) => String(index).padEnd(1_024, "."))
          // With the headers of an order a thousand of them are more than a broker takes in one batch.
          const headers = { "order-version": "2023-04-01 20:45:43.000000|2023-04-08 20:27:36.000000|".padEnd(120, "a") }
          yield* kafka.publish(
            topic,
            values.map((value) => ({ key: "one guest", value, headers }))
          )
          const records = yield* take({ topic, group, maxRecords: 2_000 }, 5_000)
          assert.deepStrictEqual(
            records.map((record) => valueOf(record)),
            values
          )
        }),
      60_000
    )

    it.effect(
      "headers, null keys, binary values and binary headers come back as they were sent",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          const before = Date.now()
          const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
          const headers = { "order-version": "2023-04-08|x", name: "Котова Ольга", empty: "" }
          yield* kafka.publish(topic, [{ key: null, value: bytes, headers }])
          yield* kafka.publish(topic, [{ key: bytes, value: "Рис с лимоном", headers: {} }])
          yield* kafka.publish(topic, [{ key: "odd", value: "", headers: { bytes: Buffer.from(bytes) } }])
          const records = yield* take({ topic, group, maxRecords: 100 }, 3)
          const keyless = records.find((record) => record.key === null)
          const keyed = records.find((record) => record.key?.length === bytes.length)
          const odd = records.find((record) => text(record.key) === "odd")
          assert.deepStrictEqual([...(keyless?.value ?? [])], [...bytes])
          assert.deepStrictEqual(
            Array.from(keyless?.headers ?? [], ([header, value]) => [header, text(value)]),
            Object.entries(headers)
          )
          for (const [header, value] of Object.entries(headers)) {
            assert.strictEqual(text(keyless?.headers.get(header) ?? null), value)
          }
          assert.isUndefined(keyless?.headers.get("order"))
          assert.deepStrictEqual([...(keyed?.key ?? [])], [...bytes])
          assert.strictEqual(text(keyed?.value ?? null), "Рис с лимоном")
          assert.deepStrictEqual([...(keyed?.headers ?? [])], [])
          assert.deepStrictEqual(
            Array.from(odd?.headers ?? [], ([header, value]) => [header, [...value]]),
            [["bytes", [...bytes]]]
          )
          for (const record of records) {
            assert.strictEqual(record.topic, topic)
            assert.isAtLeast(record.timestamp, before)
            assert.isAtMost(record.timestamp, Date.now())
          }
        }),
      60_000
    )

    it.effect(
      "the lag is what was sent less what was committed",
      () =>
        Effect.gen(function* () {
          const { group, kafka, topic } = yield* freshTopic
          yield* kafka.publish(
            topic,
            numbered(30, (index) => `guest-${index}`)
          )
          const total = Effect.map(kafka.lag(topic, group), (partitions) => ({
            partitions: partitions.map(({ partition }) => partition),
            committed: partitions.reduce((sum, { committed }) => sum + committed, 0),
            end: partitions.reduce((sum, { end }) => sum + end, 0)
          }))
          assert.deepStrictEqual(yield* total, { partitions: [0, 1, 2, 3, 4, 5], committed: 0, end: 30 })
          const member = yield* startMember({ topic, group, maxRecords: 100 })
          yield* eventually("the records", () => member.records().length >= 30)
          yield* Effect.forEach(member.batches, (batch) => kafka.commit(group, batch))
          assert.deepStrictEqual(yield* total, { partitions: [0, 1, 2, 3, 4, 5], committed: 30, end: 30 })
        }),
      60_000
    )

    it.effect(
      "topics that exist are no obstacle to ensureTopics, whoever asks at the same time",
      () =>
        Effect.gen(function* () {
          const { kafka, topic } = yield* freshTopic
          const others = [topic, unique("contract"), unique("contract")]
          yield* kafka.publish(topic, [outgoing("a", "b")])
          yield* Effect.all([kafka.ensureTopics(others), kafka.ensureTopics(others)], { concurrency: "unbounded" })
          assert.strictEqual(
            (yield* kafka.lag(topic, "none")).reduce((sum, { end }) => sum + end, 0),
            1
          )
        }),
      60_000
    )

    it.effect(
      "a ping succeeds while the broker answers",
      () =>
        Effect.gen(function* () {
          const kafka = yield* Kafka
          yield* kafka.ping
          yield* kafka.ping
        }),
      60_000
    )
  })
}
