import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { withProgress } from "../src/Progress.ts"

/** What is written of ten steps of a second, where standard error is no terminal. */
const written = Effect.fnUntraced(function* (total: number | undefined) {
  const lines: Array<string> = []
  const { write } = process.stderr
  process.stderr.write = (text) => {
    lines.push(String(text))
    return true
  }
  const steps = withProgress({ label: "orders", total, unit: "messages" }, (progress) =>
    Effect.gen(function* () {
      for (let step = 0; step <= 10; step += 1) {
        yield* progress.update(step * 100)
        yield* TestClock.adjust("1 second")
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
      assert.strictEqual(lines[10], "orders: 1000/1000 messages, 100/s\n")
    })
  )

  it.effect("writes of standard input, whose end nobody knows, how much has come every 5 seconds", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* written(undefined), [
        "orders: 500 messages, 100/s\n",
        "orders: 1000 messages, 100/s\n"
      ])
    })
  )
})
