import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { KafkaError, KafkaUnavailable } from "../src/Kafka.ts"
import { KafkaRecordBuffer } from "../src/KafkaRecordBuffer.ts"

const fetched = (from: number, count: number, generation = 1) => ({
  partition: 0,
  generation,
  highWatermark: from + count,
  bytes: 2 * count,
  records: Array.from({ length: count }, (_, index) => ({
    topic: "orders",
    partition: 0,
    offset: from + index,
    timestamp: 0,
    key: null,
    value: Buffer.from("{}"),
    headers: new Map()
  }))
})

const makeBuffer = () => new KafkaRecordBuffer({ topic: "orders", maxRecords: 2_000, maxBytes: 1_048_576 })

/** How many records the next batch has, and whether it is there without any time passing. */
const takeNow = Effect.fnUntraced(function* (buffer: KafkaRecordBuffer) {
  const taking = yield* Effect.forkChild(buffer.take(1_000), { startImmediately: true })
  yield* Effect.yieldNow
  return { taking, isDone: taking.pollUnsafe() !== undefined }
})

describe("Records that were fetched", () => {
  it.effect("are delivered at once when they come by themselves", () =>
    Effect.gen(function* () {
      const buffer = makeBuffer()
      for (const offset of [0, 1, 2]) {
        buffer.push(fetched(offset, 1))
        const { isDone, taking } = yield* takeNow(buffer)
        assert.isTrue(isDone)
        assert.lengthOf((yield* Fiber.join(taking)).records, 1)
      }
    })
  )

  it.effect("of two generations of the group come in two batches: the first may not be committed any more", () =>
    Effect.gen(function* () {
      const buffer = makeBuffer()
      buffer.push(fetched(0, 5, 1))
      buffer.push(fetched(3, 4, 2))
      const batches = [yield* buffer.take(1_000), yield* buffer.take(1_000)]
      assert.deepStrictEqual(
        batches.map(({ generation, records }) => [generation, records.length]),
        [
          [1, 5],
          [2, 4]
        ]
      )
    })
  )

  it.effect("wait for company after a busy batch, 150 ms at most", () =>
    Effect.gen(function* () {
      const buffer = makeBuffer()
      buffer.push(fetched(0, 200))
      yield* buffer.take(1_000)
      buffer.push(fetched(200, 10))
      const { isDone, taking } = yield* takeNow(buffer)
      assert.isFalse(isDone)
      buffer.push(fetched(210, 10))
      yield* TestClock.adjust("150 millis")
      assert.lengthOf((yield* Fiber.join(taking)).records, 20)
    })
  )

  it.effect("do not wait for company when there is enough of it, nor when consumption fails", () =>
    Effect.gen(function* () {
      const buffer = makeBuffer()
      buffer.push(fetched(0, 200))
      yield* buffer.take(1_000)
      const { isDone, taking } = yield* takeNow(buffer)
      assert.isFalse(isDone)
      buffer.push(fetched(200, 1_000))
      assert.lengthOf((yield* Fiber.join(taking)).records, 1_000)
      const failing = yield* takeNow(buffer)
      const error = new KafkaError({ operation: "consume", reason: new KafkaUnavailable({ message: "away" }) })
      buffer.fail(error)
      assert.strictEqual(yield* Effect.flip(Fiber.join(failing.taking)), error)
    })
  )
})
