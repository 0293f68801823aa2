/** Runs every permutation of an order's messages, and holds the states they end in against each other. */
import { withProgress } from "@metka/cli/Progress"
import { Console, Effect } from "effect"
import { isDeepStrictEqual } from "node:util"
import { permutationCount, permutationPlan, presentState } from "./permutations.ts"
import { makeRunner } from "./runPlan.ts"

/** How many permutations end otherwise than the first, or wrong. */
export const sweepPermutations = Effect.gen(function* () {
  const runPlan = yield* makeRunner
  let first: ReturnType<typeof presentState> | undefined
  let failed = 0
  yield* withProgress({ label: "permuting", total: permutationCount, unit: "permutations" }, (progress) =>
    Effect.gen(function* () {
      for (let index = 0; index < permutationCount; index++) {
        const { problems, state } = yield* runPlan(permutationPlan(index))
        const present = state === undefined ? undefined : presentState(state)
        first ??= present
        if (problems.length > 0 || !isDeepStrictEqual(present, first)) {
          failed += 1
          yield* Console.log(`permutation ${index}: ${problems[0] ?? "ends in another state than permutation 0"}`)
        }
        yield* progress.update(index + 1, `· ${failed} failed`)
      }
    })
  )
  yield* Console.log(`${permutationCount} permutations: ${failed} failed`)
  return failed
})
