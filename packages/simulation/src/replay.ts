/** Runs one seed before somebody's eyes, and makes its plan as small as it can be if it fails. */
import { Console, Effect } from "effect"
import { describePlan } from "./describePlan.ts"
import { makePlan } from "./makePlan.ts"
import type { Plan } from "./Plan.ts"
import { makeRunner } from "./runPlan.ts"
import { shrink } from "./shrink.ts"

const printLines = (lines: ReadonlyArray<string>) =>
  Effect.forEach(lines, (line) => Console.log(line), { discard: true })

/** What is wrong without its values: the failure stays itself while its plan shrinks. */
const kindOf = (problem: string | undefined): string | undefined => problem?.split(/[:\d]/)[0]

/** Whether the seed fails. */
export const replay = Effect.fnUntraced(function* (seed: number) {
  const runPlan = yield* makeRunner
  const plan = makePlan(seed)
  const { problems, trace } = yield* runPlan(plan)
  yield* printLines([...describePlan(plan), "", ...trace])
  if (problems.length === 0) {
    yield* Console.log(`\nseed ${seed}: nothing is wrong`)
    return false
  }
  yield* printLines(["", `seed ${seed} fails:`, ...problems.map((problem) => `  ${problem}`)])
  yield* printSmallest(runPlan, plan, problems)
  return true
})

const printSmallest = Effect.fnUntraced(function* (
  runPlan: Effect.Success<typeof makeRunner>,
  plan: Plan,
  problems: ReadonlyArray<string>
) {
  const kind = kindOf(problems[0])
  yield* Console.log("\nlooking for the smallest plan that fails like this…")
  const smallest = yield* shrink(plan, (smaller) =>
    Effect.map(runPlan(smaller), (verdict) => verdict.problems.some((problem) => kindOf(problem) === kind))
  )
  const verdict = yield* runPlan(smallest)
  yield* printLines([
    ...describePlan(smallest),
    "",
    ...verdict.trace,
    "",
    ...verdict.problems.map((problem) => `  ${problem}`)
  ])
})
