import { assert, describe, it } from "@effect/vitest"
import { atTimes } from "@metka/testing/atTime"
import { Clock, Deferred, Duration, Effect, Fiber, Option } from "effect"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { MartReader } from "../src/MartReader.ts"
import { seldom } from "../src/seldom.ts"

const reader = MartReader.layer(Effect.succeed({ note: "", isLoading: false }))

describe("Who asks the marts", () => {
  it.effect("leaves the services their connections: two questions are under way at a time", () =>
    Effect.gen(function* () {
      const { ask } = yield* MartReader
      let underWay = 0
      const end = yield* Deferred.make<void>()
      const question = Effect.andThen(
        Effect.sync(() => (underWay += 1)),
        Deferred.await(end)
      )
      const asked = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 5 }, () => ask(question)),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(underWay, 2)
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.join(asked)
      assert.strictEqual(underWay, 5)
    }).pipe(Effect.provide(reader))
  )

  it.effect("is told after a while that the database is busy, also when it only waits for its turn", () =>
    Effect.gen(function* () {
      const { ask } = yield* MartReader
      const asked = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 3 }, () => Effect.flip(ask(Effect.never))),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(
        (yield* Fiber.join(asked)).map((error) => error._tag),
        ["MartsBusy", "MartsBusy", "MartsBusy"]
      )
      assert.strictEqual(yield* ask(Effect.succeed(1)), 1)
    }).pipe(Effect.provide(reader))
  )

  it.effect("does not wait for a statement that runs on, which keeps its turn", () =>
    Effect.gen(function* () {
      const { ask } = yield* MartReader
      const ends = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
      const stubborn = yield* Effect.forkChild(
        Effect.forEach(ends, (end) => Effect.flip(ask(Effect.uninterruptible(Deferred.await(end)))), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(
        (yield* Fiber.join(stubborn)).map((error) => error._tag),
        ["MartsBusy", "MartsBusy"]
      )
      const next = yield* Effect.forkChild(ask(Effect.succeed(1)))
      yield* TestClock.adjust("1 second")
      assert.isUndefined(next.pollUnsafe())
      yield* Deferred.succeed(ends[0], undefined)
      assert.strictEqual(yield* Fiber.join(next), 1)
      yield* Deferred.succeed(ends[1], undefined)
    }).pipe(Effect.provide(reader))
  )

  it.effect("is told what is wrong with the database", () =>
    Effect.gen(function* () {
      const { ask } = yield* MartReader
      const broken = Effect.fail(new SqlError({ reason: new UnknownError({ cause: new Error("no route to host") }) }))
      const error = yield* Effect.flip(ask(broken))
      assert.strictEqual(error._tag, "MartsUnreadable")
      assert.match(error.message, /no route to host/)
    }).pipe(Effect.provide(reader))
  )
})

/** Waits 20 s of the test's clock at most. */
const patiently = Effect.fnUntraced(function* <A, E, R>(read: Effect.Effect<A, E, R>) {
  const asked = yield* Effect.forkChild(Effect.timeoutOption(read, "20 seconds"))
  yield* TestClock.adjust("20 seconds")
  return yield* Fiber.join(asked)
})

const steady = Effect.succeed(false)
const twoSeconds = Effect.succeed(Duration.seconds(2))

describe("What is asked for often", () => {
  it.effect("is read again after ten times as long as reading took, by one for all who ask", () =>
    Effect.gen(function* () {
      let readings = 0
      const read = yield* seldom(
        Effect.gen(function* () {
          readings += 1
          yield* Effect.sleep("1 second")
          return yield* Clock.currentTimeMillis
        }),
        steady,
        twoSeconds
      )
      const together = yield* Effect.forkChild(Effect.all([read, read, read], { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(together), [1_000, 1_000, 1_000])
      assert.strictEqual(readings, 1)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* read, 1_000)
      yield* TestClock.adjust("1 second")
      const later = yield* Effect.forkChild(read)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(later), 12_000)
      assert.strictEqual(readings, 2)
    })
  )

  it.effect("is what it was before for those who would wait long for the next reading", () =>
    Effect.gen(function* () {
      let readings = 0
      const read = yield* seldom(
        Effect.suspend(() => Effect.delay(Effect.succeed(++readings), readings === 1 ? "1 second" : "30 seconds")),
        steady,
        twoSeconds
      )
      assert.deepStrictEqual(yield* patiently(read), Option.some(1))
      const asked = yield* Effect.forkChild(read)
      yield* TestClock.adjust("1 second")
      assert.isUndefined(asked.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(asked), 1)
      yield* TestClock.adjust("28 seconds")
      assert.strictEqual(yield* read, 2)
      assert.strictEqual(readings, 2)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* patiently(read), Option.none(), "not from an hour ago")
    })
  )

  it.effect("is not kept for longer where the machine's clock was set forward during the reading", () =>
    Effect.gen(function* () {
      let readings = 0
      let aheadMillis = 0
      const read = yield* seldom(
        Effect.gen(function* () {
          yield* Effect.sleep("1 second")
          aheadMillis += 3_600_000
          return ++readings
        }),
        steady,
        twoSeconds
      )
      const reading = Effect.gen(function* () {
        const asked = yield* Effect.forkChild(atTimes(() => aheadMillis)(read))
        yield* TestClock.adjust("1 second")
        return yield* Fiber.join(asked)
      })
      assert.strictEqual(yield* reading, 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* reading, 2)
    })
  )

  it.effect("is read to its end though nobody waited so long, for those who come later", () =>
    Effect.gen(function* () {
      let readings = 0
      const read = yield* seldom(
        Effect.sync(() => (readings += 1)).pipe(Effect.delay("25 seconds"), Effect.as("counted")),
        steady,
        twoSeconds
      )
      assert.isTrue(Option.isNone(yield* patiently(read)))
      assert.deepStrictEqual(yield* patiently(read), Option.some("counted"))
      assert.strictEqual(readings, 1)
    })
  )

  it.effect("is read again by the next after it failed", () =>
    Effect.gen(function* () {
      let readings = 0
      const read = yield* seldom(
        Effect.suspend(() => (++readings === 1 ? Effect.fail("away") : Effect.succeed("counted"))),
        steady,
        twoSeconds
      )
      assert.strictEqual(yield* Effect.flip(read), "away")
      assert.strictEqual(yield* read, "counted")
    })
  )

  it.effect("is not kept from while the system was loading, however long it took", () =>
    Effect.gen(function* () {
      let isLoading = true
      const read = yield* seldom(
        Effect.andThen(Effect.sleep("7 seconds"), Clock.currentTimeMillis),
        Effect.sync(() => isLoading),
        twoSeconds
      )
      const early = yield* Effect.forkChild(read)
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(yield* Fiber.join(early), 7_000)
      isLoading = false
      const late = yield* Effect.forkChild(read)
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(yield* Fiber.join(late), 14_000)
    })
  )

  it.effect("is read again as soon as what it is read from is no longer what it was", () =>
    Effect.gen(function* () {
      let isLoading = true
      const read = yield* seldom(
        Effect.gen(function* () {
          yield* Effect.sleep("1 second")
          return yield* Clock.currentTimeMillis
        }),
        Effect.sync(() => isLoading),
        twoSeconds
      )
      const first = yield* Effect.forkChild(read)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), 1_000)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* read, 1_000)
      yield* TestClock.adjust("8 seconds")
      const early = yield* Effect.forkChild(read)
      yield* TestClock.adjust("200 millis")
      isLoading = false
      const late = yield* Effect.forkChild(read)
      yield* TestClock.adjust("800 millis")
      assert.strictEqual(yield* Fiber.join(early), 13_000, "of the one that had begun")
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(yield* Fiber.join(late), 13_200, "not of the one that had begun before")
      assert.strictEqual(yield* read, 13_200, "nor afterwards")
    })
  )
})
