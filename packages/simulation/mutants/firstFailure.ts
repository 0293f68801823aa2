/** Runs seeds one after the other until one fails, and prints what came of it as JSON. Started in a copy of the source. */
import { Console, Effect } from "effect"
import { databaseLayer } from "../src/database.ts"
import { makePlan } from "../src/makePlan.ts"
import { makeRunner } from "../src/runPlan.ts"

export interface FirstFailure {
  readonly seeds: number
  readonly problem: string | null
}

const search = Effect.fnUntraced(function* (from: number, most: number) {
  const runPlan = yield* makeRunner
  for (let seeds = 1; seeds <= most; seeds++) {
    const { problems } = yield* runPlan(makePlan(from + seeds - 1))
    const [problem] = problems
    if (problem !== undefined) return { seeds, problem } satisfies FirstFailure
  }
  return { seeds: most, problem: null } satisfies FirstFailure
})

const [from = 1, most = 300] = process.argv.slice(2).map(Number)

await Effect.runPromise(
  Effect.scoped(search(from, most)).pipe(
    Effect.flatMap((found) => Console.log(JSON.stringify(found))),
    Effect.provide(databaseLayer)
  )
)
