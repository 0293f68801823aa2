/** A worker thread: runs the seeds it is given on a database of its own, and says what came of each. */
import { Effect } from "effect"
import { parentPort } from "node:worker_threads"
import { databaseLayer } from "./database.ts"
import { makePlan } from "./makePlan.ts"
import { makeRunner } from "./runPlan.ts"

/** The seeds from `from`, `count` of them; `undefined` when there is nothing left to do. */
export type Assignment = { readonly from: number; readonly count: number } | undefined

export interface SeedResult {
  readonly seed: number
  readonly problems: ReadonlyArray<string>
  readonly struck: ReadonlyMap<string, number>
  readonly events: number
}

const port = parentPort
if (port === null) throw new Error("worker.ts runs as a worker thread of main.ts")

const nextAssignment = Effect.callback<Assignment>((resume) => {
  port.once("message", (assignment: Assignment) => resume(Effect.succeed(assignment)))
  port.postMessage("ready", [])
})

const work = Effect.gen(function* () {
  const runPlan = yield* makeRunner
  for (let assignment = yield* nextAssignment; assignment !== undefined; assignment = yield* nextAssignment) {
    for (let seed = assignment.from; seed < assignment.from + assignment.count; seed++) {
      const plan = makePlan(seed)
      const { problems, struck } = yield* runPlan(plan)
      const result: SeedResult = { seed, problems, struck, events: plan.events.length }
      port.postMessage(result, [])
    }
  }
})

await Effect.runPromise(Effect.provide(Effect.scoped(work), databaseLayer))
port.close()
