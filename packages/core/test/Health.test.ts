import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Health } from "../src/Health.ts"

const quiet = Logger.layer([])
const layerFor = (...components: ReadonlyArray<string>) => Layer.merge(Health.layer({ components }), quiet)

const readiness = Effect.flatMap(Health, (health) => health.readiness)

describe("Health", () => {
  it.effect("is not ready until every declared component has reported up", () =>
    Effect.gen(function* () {
      const health = yield* Health
      assert.deepStrictEqual(yield* readiness, {
        ready: false,
        components: { kafka: { down: "not reached yet" }, postgres: { down: "not reached yet" } }
      })
      yield* health.report("kafka", "up")
      assert.isFalse((yield* readiness).ready)
      yield* health.report("postgres", "up")
      assert.deepStrictEqual(yield* readiness, { ready: true, components: { kafka: "up", postgres: "up" } })
    }).pipe(Effect.provide(layerFor("kafka", "postgres")))
  )

  it.effect("turns false with one component, says which and why, and true again with it", () =>
    Effect.gen(function* () {
      const health = yield* Health
      yield* health.report("kafka", "up")
      yield* health.report("postgres", "up")
      yield* health.report("postgres", { down: "connection refused" })
      assert.deepStrictEqual(yield* readiness, {
        ready: false,
        components: { kafka: "up", postgres: { down: "connection refused" } }
      })
      yield* health.report("postgres", "up")
      assert.isTrue((yield* readiness).ready)
    }).pipe(Effect.provide(layerFor("kafka", "postgres")))
  )

  it.effect("tells who waits for it when it turns, either way, and only then", () =>
    Effect.gen(function* () {
      const health = yield* Health
      const waiting = (ready: boolean) => Effect.forkChild(health.turnsFrom(ready), { startImmediately: true })
      const untilReady = yield* waiting(false)
      yield* health.report("kafka", "up")
      yield* Effect.yieldNow
      assert.isUndefined(untilReady.pollUnsafe())
      yield* health.report("postgres", "up")
      yield* Fiber.join(untilReady)
      yield* health.turnsFrom(false)
      const untilDown = yield* waiting(true)
      yield* health.report("postgres", { down: "connection refused" }, "stg")
      yield* Fiber.join(untilDown)
    }).pipe(Effect.provide(layerFor("kafka", "postgres")))
  )

  it.effect("is not changed by a component that the service does not have", () =>
    Effect.gen(function* () {
      const health = yield* Health
      yield* health.report("kafka", "up")
      yield* health.report("redis", { down: "connection refused" })
      assert.deepStrictEqual(yield* readiness, { ready: true, components: { kafka: "up" } })
    }).pipe(Effect.provide(layerFor("kafka")))
  )

  it.effect("logs an outage once, however often it is reported, and its end", () =>
    Effect.suspend(() => {
      const lines: Array<string> = []
      const keep = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel} ${String(message)}`)
      })
      return Effect.gen(function* () {
        const health = yield* Health
        yield* health.report("kafka", { down: "no broker" })
        yield* health.report("kafka", { down: "still no broker" })
        yield* health.report("kafka", "up")
        yield* health.report("kafka", "up")
        yield* health.report("kafka", { down: "restarting" })
        assert.deepStrictEqual(lines, [
          "Warn kafka is down: no broker",
          "Info kafka is up",
          "Warn kafka is down: restarting"
        ])
      }).pipe(Effect.provide(Layer.merge(Health.layer({ components: ["kafka"] }), Logger.layer([keep]))))
    })
  )
})

describe("A probe", () => {
  it.effect("asks at once and then every 5 seconds, and reports what it hears", () =>
    Effect.gen(function* () {
      let asked = 0
      let isUp = true
      const ping = Effect.suspend(() => {
        asked += 1
        return isUp ? Effect.void : Effect.fail(new Error("connection refused"))
      })
      yield* Health.probe("redis", ping)
      yield* TestClock.adjust(0)
      assert.strictEqual(asked, 1)
      assert.isTrue((yield* readiness).ready)
      isUp = false
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* readiness).components, { redis: { down: "connection refused" } })
      isUp = true
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([asked, (yield* readiness).ready], [3, true])
    }).pipe(Effect.provide(layerFor("redis")))
  )

  it.effect("that hears nothing for 2 seconds reports down, and asks again", () =>
    Effect.gen(function* () {
      const answers = [Effect.never, Effect.void]
      yield* Health.probe(
        "redis",
        Effect.suspend(() => answers.shift() ?? Effect.void)
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual((yield* readiness).components, { redis: { down: "no answer within 2 seconds" } })
      yield* TestClock.adjust("5 seconds")
      assert.isTrue((yield* readiness).ready)
    }).pipe(Effect.provide(layerFor("redis")))
  )

  it.effect("goes on after a defect in what it calls", () =>
    Effect.gen(function* () {
      const answers = [Effect.die(new Error("a bug")), Effect.void]
      yield* Health.probe(
        "redis",
        Effect.suspend(() => answers.shift() ?? Effect.void)
      )
      yield* TestClock.adjust(0)
      assert.deepStrictEqual((yield* readiness).components, { redis: { down: "a bug" } })
      yield* TestClock.adjust("5 seconds")
      assert.isTrue((yield* readiness).ready)
    }).pipe(Effect.provide(layerFor("redis")))
  )

  it.effect("ends with its scope", () =>
    Effect.gen(function* () {
      let asked = 0
      const ping = Effect.sync(() => {
        asked += 1
      })
      yield* Effect.scoped(Effect.andThen(Health.probe("redis", ping), TestClock.adjust(0)))
      yield* Effect.repeat(TestClock.adjust("5 seconds"), Schedule.recurs(3))
      assert.strictEqual(asked, 1)
    }).pipe(Effect.provide(layerFor("redis")))
  )
})
