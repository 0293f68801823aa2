import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { withProgress } from "../src/Progress.ts"

/** What is written of ten steps, where standard error is no terminal. */
const written = Effect.fnUntraced(function* (
  total: number | undefined,
  unit = "messages",
  perStep = 100,
  stepLasts: Duration.Input = "1 second"
) {
  const lines: Array<string> = []
  const { write } = process.stderr
  process.stderr.write = (text) => {
    lines.push(String(text))
    return true
  }
  const steps = withProgress({ label: "orders", total, unit }, (progress) =>
    Effect.gen(function* () {
      for (let step = 0; step <= 10; step += 1) {
        yield* progress.update(step * perStep, `step ${step}`)
        yield* TestClock.adjust(stepLasts)
      }
    })
  )
  yield* Effect.ensuring(
    steps,
    Effect.sync(() => {
      process.stderr.write = write
    })
  )
  return lines
})

describe("Progress without a terminal", () => {
  it.effect("writes a line at every tenth", () =>
    Effect.gen(function* () {
      const lines = yield* written(1_000)
      assert.strictEqual(lines.length, 11)
      assert.strictEqual(lines[10], "orders: 1000/1000 messages, 100/s step 10\n")
    })
  )

  it.effect("writes of standard input, whose end nobody knows, how much has come every 5 seconds", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* written(undefined), [
        "orders: 500 messages, 100/s step 5\n",
        "orders: 1000 messages, 100/s step 10\n"
      ])
    })
  )

  it.effect("writes of a percentage for how long it has been under way, and what it is at", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* written(100, "%", 4)).slice(0, 3), [
        "orders: 0 %, 0 s, step 0\n",
        "orders: 12 %, 3 s, step 3\n",
        "orders: 20 %, 5 s, step 5\n"
      ])
    })
  )

  it.effect("writes of a percentage that stands still every 30 seconds that it does", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* written(100, "%", 1, "70 seconds")).slice(0, 6), [
        "orders: 0 %, 0 s, step 0\n",
        "orders: 0 %, 30 s, step 0\n",
        "orders: 0 %, 60 s, step 0\n",
        "orders: 1 %, 90 s, step 1\n",
        "orders: 1 %, 120 s, step 1\n",
        "orders: 2 %, 150 s, step 2\n"
      ])
    })
  )
})
