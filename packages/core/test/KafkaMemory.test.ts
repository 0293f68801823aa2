import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Partitioners } from "kafkajs"
import { Kafka, type OutgoingRecord } from "../src/Kafka.ts"
import { KafkaFaults } from "../src/KafkaFaults.ts"
import * as KafkaMemory from "../src/KafkaMemory.ts"
import { MemoryBroker } from "../src/MemoryBroker.ts"
import { partitionOf } from "../src/KafkaPartitioner.ts"
import { eventually, freshTopic, kafkaContract, outgoing, startMember } from "./kafkaContract.ts"

kafkaContract("KafkaMemory.layer", KafkaMemory.layer())

describe("The memory broker", () => {
  it("puts a key into the partition where kafkajs and the Java client put it", () => {
    const kafkajs = Partitioners.DefaultPartitioner()
    const partitionMetadata = Array.from({ length: 6 }, (_, partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 1,
      replicas: [1],
      isr: [1]
    }))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (key) => {
        const message = { key: Buffer.from(key), value: "" }
        assert.strictEqual(partitionOf(key, 6), kafkajs({ topic: "orders", partitionMetadata, message }))
      })
    )
    // Source: UtilsTest.testMurmur2 of Apache Kafka: murmur2("21") is -973932308.
    assert.strictEqual(partitionOf(Buffer.from("21"), 1_000), (-973932308 & 0x7fffffff) % 1_000)
  })

  it.effect("stamps records with Effect's clock", () =>
    Effect.gen(function* () {
      const { group, kafka, topic } = yield* freshTopic
      yield* TestClock.setTime(1_680_000_000_000)
      yield* kafka.publish(topic, [outgoing("a", "b")])
      const [batch] = yield* kafka.consume({ topic, group, maxRecords: 1 }).pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(batch?.records[0]?.timestamp, 1_680_000_000_000)
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.live("while unavailable refuses everything and delivers nothing, and goes on afterwards", () =>
    Effect.gen(function* () {
      const { group, kafka, topic } = yield* freshTopic
      const faults = yield* KafkaFaults
      yield* kafka.publish(topic, [outgoing("a", "before")])
      yield* faults.makeUnavailable
      const member = yield* startMember({ topic, group, maxRecords: 10 })
      const batch = { topic, generation: 1, records: [], highWatermarks: new Map<number, number>() }
      const operations: Array<Effect.Effect<unknown, { readonly reason: { readonly _tag: string } }>> = [
        kafka.ping,
        kafka.publish(topic, [outgoing("a", "lost")]),
        kafka.commit(group, batch),
        kafka.lag(topic, group),
        kafka.ensureTopics([topic])
      ]
      for (const operation of operations) {
        assert.strictEqual((yield* Effect.flip(operation)).reason._tag, "KafkaUnavailable")
      }
      assert.strictEqual(member.batches.length, 0)
      yield* faults.makeAvailable
      yield* kafka.publish(topic, [outgoing("a", "after")])
      yield* eventually("both records", () => member.records().length === 2)
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.live("a forced rebalance and a redelivery bring records again, the committed offset stays", () =>
    Effect.gen(function* () {
      const { group, kafka, topic } = yield* freshTopic
      const faults = yield* KafkaFaults
      yield* kafka.publish(
        topic,
        ["0", "1", "2"].map((value) => outgoing("a", value))
      )
      const member = yield* startMember({ topic, group, maxRecords: 2 })
      yield* eventually("three records", () => member.records().length === 3)
      const [first] = member.batches
      if (first !== undefined) yield* kafka.commit(group, first)
      yield* faults.rebalance(group)
      yield* eventually("the uncommitted one again", () => member.records().length === 4)
      const partition = first?.records[0]?.partition ?? -1
      yield* faults.redeliver({ topic, group, partition, offset: 1 })
      yield* eventually("two more", () => member.records().length === 6)
      assert.deepStrictEqual(
        member.records().map(({ offset }) => offset),
        [0, 1, 2, 2, 1, 2]
      )
      assert.strictEqual((yield* kafka.lag(topic, group))[partition]?.committed, 2)
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.live("a commit whose reply is lost is applied once and reported as an outage", () =>
    Effect.gen(function* () {
      const { group, kafka, topic } = yield* freshTopic
      const faults = yield* KafkaFaults
      yield* kafka.publish(topic, [outgoing("a", "0")])
      const member = yield* startMember({ topic, group, maxRecords: 1 })
      yield* eventually("the record", () => member.records().length === 1)
      const batch = member.batches[0] ?? assert.fail("no batch")
      yield* faults.loseNextCommitReply
      assert.strictEqual((yield* Effect.flip(kafka.commit(group, batch))).reason._tag, "KafkaUnavailable")
      assert.strictEqual(
        (yield* kafka.lag(topic, group)).reduce((sum, { committed }) => sum + committed, 0),
        1
      )
      yield* kafka.commit(group, batch)
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.live("a publish that breaks off has written its first records only", () =>
    Effect.gen(function* () {
      const { group, kafka, topic } = yield* freshTopic
      const faults = yield* KafkaFaults
      yield* faults.breakNextPublishAfter(2)
      const records = ["0", "1", "2"].map((value) => outgoing("a", value))
      assert.strictEqual((yield* Effect.flip(kafka.publish(topic, records))).reason._tag, "KafkaUnavailable")
      assert.strictEqual(
        (yield* kafka.lag(topic, group)).reduce((sum, { end }) => sum + end, 0),
        2
      )
      yield* kafka.publish(topic, records)
      assert.strictEqual(
        (yield* kafka.lag(topic, group)).reduce((sum, { end }) => sum + end, 0),
        5
      )
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.live("takes its partitions from a member whose session has expired, and no commits from it", () =>
    Effect.gen(function* () {
      const broker = new MemoryBroker(1, 1_000)
      const [slow, other] = [Symbol("slow"), Symbol("other")]
      const frozen = KafkaMemory.connect(broker, slow)
      const alive = KafkaMemory.connect(broker, other)
      const member = broker.join("group", "topic", slow)
      yield* frozen.publish("topic", [outgoing("a", "0"), outgoing("a", "1")])
      const stale = broker.poll(member, 1) ?? assert.fail("no batch")

      broker.expire(slow)
      assert.strictEqual(broker.poll(member, 1), undefined)
      const heir = broker.join("group", "topic", other)
      const batch = broker.poll(heir, 10) ?? assert.fail("no batch")
      assert.strictEqual(batch.records.length, 2)
      assert.strictEqual((yield* Effect.flip(frozen.commit("group", stale))).reason._tag, "IllegalGeneration")
      yield* alive.commit("group", batch)

      broker.readmit(slow)
      broker.leave(heir)
      assert.strictEqual(broker.poll(member, 1), undefined, "goes on from what the other one has committed")
      yield* frozen.publish("topic", [outgoing("a", "2")])
      assert.strictEqual(broker.poll(member, 1)?.records[0]?.offset, 2)
    })
  )

  it.live("carries 50,000 records through three topics and loses none", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const total = 50_000
      const maxRecords = 2_000
      const value = Buffer.alloc(850, "x")
      const forward = (from: string, to: string) =>
        kafka.consume({ topic: from, group: from, maxRecords }).pipe(
          Stream.mapEffect((batch) =>
            kafka
              .publish(
                to,
                batch.records.map(({ key, value }): OutgoingRecord => ({
                  key,
                  value: value ?? "",
                  headers: { "order-version": "2023-04-01 20:45:43|2023-04-08 20:27:36|00" }
                }))
              )
              .pipe(Effect.andThen(kafka.commit(from, batch)), Effect.as(batch.records.length))
          ),
          Stream.scan(
            () => 0,
            (sum, count) => sum + count
          ),
          Stream.takeUntil((sum) => sum === total),
          Stream.runDrain
        )
      const stages = yield* Effect.forkChild(
        Effect.all([forward("orders", "stg"), forward("stg", "cdm"), forward("cdm", "tags")], {
          concurrency: "unbounded"
        })
      )
      for (let from = 0; from < total; from += 1_000) {
        yield* kafka.publish(
          "orders",
          Array.from({ length: 1_000 }, (_, index) => ({ key: `guest-${from + index}`, value, headers: {} }))
        )
      }
      yield* Fiber.join(stages)
      assert.strictEqual(
        (yield* kafka.lag("tags", "tags")).reduce((sum, { end }) => sum + end, 0),
        total
      )
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )
})
