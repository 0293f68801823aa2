import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { databaseLayer } from "../src/database.ts"
import { makePlan } from "../src/makePlan.ts"
import { makeRunner } from "../src/runPlan.ts"

/** Other seeds than `npm run simulate` begins with. */
const first = 1_000_001
const count = 40

layer(databaseLayer, { excludeTestServices: true, timeout: "60 seconds" })("The simulation", (it) => {
  it.effect(
    "finds nothing wrong in any seed, and its faults strike everywhere",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const runPlan = yield* makeRunner
          const kinds = new Set<string>()
          for (let seed = first; seed < first + count; seed++) {
            const { problems, struck } = yield* runPlan(makePlan(seed))
            assert.deepStrictEqual(problems, [], `npm run simulate -- --seed ${seed}`)
            for (const kind of struck.keys()) kinds.add(kind)
          }
          for (const kind of ["Crash", "Lost", "Zombie", "Outage", "Rebalance", "Redelivery", "Restart"]) {
            assert.isTrue(
              [...kinds].some((struck) => struck.startsWith(kind)),
              kind
            )
          }
        })
      ),
    120_000
  )

  it.effect(
    "does the same for the same seed, step by step",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const runPlan = yield* makeRunner
          const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
          const run = Effect.forEach(seeds, (seed) => runPlan(makePlan(seed)))
          const traces = (yield* run).map(({ trace }) => trace)
          assert.isAbove(Math.min(...traces.map((trace) => trace.length)), 20)
          assert.deepStrictEqual(
            (yield* run).map(({ trace }) => trace),
            traces
          )
        })
      ),
    120_000
  )
})
