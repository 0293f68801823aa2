import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type Kafka, KafkaError, KafkaUnavailable, type RecordBatch } from "../src/Kafka.ts"
import * as KafkaMemory from "../src/KafkaMemory.ts"
import { MemoryBroker } from "../src/MemoryBroker.ts"
import { makeOffsetCommits } from "../src/OffsetCommits.ts"

const [topic, group] = ["topic", "group"]
const unavailable = new KafkaError({ operation: "commit", reason: new KafkaUnavailable({ message: "no Kafka" }) })

/** One partition with two records, each a batch, and a member that has got both. */
const twoBatches = (commit: (real: Kafka["Service"]["commit"]) => Kafka["Service"]["commit"]) =>
  Effect.gen(function* () {
    const broker = new MemoryBroker(1, 1_000)
    const client = Symbol("client")
    const kafka = KafkaMemory.connect(broker, client)
    const member = broker.join(group, topic, client)
    yield* kafka.publish(
      topic,
      ["0", "1"].map((value) => ({ key: null, value, headers: {} }))
    )
    const next = (): RecordBatch => broker.poll(member, 1) ?? assert.fail("no batch")
    const [first, second] = [next(), next()]
    return {
      broker,
      first,
      second,
      offsets: makeOffsetCommits({ ...kafka, commit: commit(kafka.commit) }, group),
      committed: () => broker.lag(topic, group)[0]?.committed
    }
  })

/** Nobody acknowledges the first batch: it is given up, to be made up for later. */
const giveUp = Effect.fnUntraced(function* (commit: Effect.Effect<void>) {
  const fiber = yield* Effect.forkChild(commit)
  yield* TestClock.adjust("1 second")
  yield* Fiber.join(fiber)
})

describe("Offsets that were not committed", () => {
  it.effect("are made up for later", () =>
    Effect.gen(function* () {
      let isAway = true
      const { committed, first, offsets } = yield* twoBatches(
        (real) => (name, batch) => (isAway ? Effect.fail(unavailable) : real(name, batch))
      )
      yield* giveUp(offsets.commit(first))
      assert.strictEqual(committed(), 0)
      isAway = false
      yield* offsets.catchUp
      assert.strictEqual(committed(), 1)
    })
  )

  it.effect("take nothing back of what is committed while they are made up for", () =>
    Effect.gen(function* () {
      const answers = yield* Deferred.make<void>()
      let isAway = true
      const { committed, first, offsets, second } = yield* twoBatches((real) => (name, batch) => {
        if (isAway) return Effect.fail(unavailable)
        return batch.records[0]?.offset === 0
          ? Effect.andThen(Deferred.await(answers), real(name, batch))
          : real(name, batch)
      })
      yield* giveUp(offsets.commit(first))
      isAway = false
      const madeUpFor = yield* Effect.forkChild(offsets.catchUp, { startImmediately: true })
      const next = yield* Effect.forkChild(offsets.commit(second), { startImmediately: true })
      yield* Deferred.succeed(answers, undefined)
      yield* Fiber.join(madeUpFor)
      yield* Fiber.join(next)
      assert.strictEqual(committed(), 2)
    })
  )

  it.effect("are forgotten once a later batch of the partition is committed", () =>
    Effect.gen(function* () {
      let isAway = true
      let asked = 0
      const { committed, first, offsets, second } = yield* twoBatches((real) => (name, batch) => {
        asked += 1
        return isAway ? Effect.fail(unavailable) : real(name, batch)
      })
      yield* giveUp(offsets.commit(first))
      isAway = false
      yield* offsets.commit(second)
      const before = asked
      yield* offsets.catchUp
      assert.deepStrictEqual([asked, committed()], [before, 2])
    })
  )

  it.effect("are not tried again after a rebalance: their records are delivered again", () =>
    Effect.gen(function* () {
      let asked = 0
      const { broker, committed, first, offsets } = yield* twoBatches((real) => (name, batch) => {
        asked += 1
        return real(name, batch)
      })
      broker.rebalance(group)
      yield* offsets.commit(first)
      yield* offsets.catchUp
      assert.deepStrictEqual([asked, committed()], [1, 0])
    })
  )
})
