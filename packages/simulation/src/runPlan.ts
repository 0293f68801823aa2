/** Runs a plan from empty tables to the auditor's verdict. */
import { ReferenceData } from "@metka/core/ReferenceData"
import { dumpChanges, dumpTables } from "@metka/testing/tableDump"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { audit } from "./audit.ts"
import { clientOf, makeEmptyTables } from "./database.ts"
import { expectationOf } from "./expectation.ts"
import type { Plan } from "./Plan.ts"
import { Run } from "./simulate.ts"

export interface Verdict {
  /** What is wrong; empty when nothing is. */
  readonly problems: ReadonlyArray<string>
  readonly struck: ReadonlyMap<string, number>
  readonly trace: ReadonlyArray<string>
}

/** Nothing waits to be announced, and nobody waits but for what will never come. */
const isSettled = Effect.fnUntraced(function* (run: Run) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ readonly parked: number; readonly unannounced: boolean }>`
    select (select count(*)::int from stg.parked_orders) as parked,
      exists (select 1 from cdm.user_tag_history where published_at is null) as unannounced`
  const [now] = rows
  return now?.unannounced === false && now.parked === expectationOf(run).parked.length
})

/** The runner of a worker: its runs follow each other on one database. */
export const makeRunner = Effect.gen(function* () {
  const connection = yield* (yield* SqlClient.SqlClient).reserve
  const sql = yield* clientOf(connection)
  const emptyTables = yield* Effect.provideService(makeEmptyTables, SqlClient.SqlClient, sql)

  const runPlan = Effect.fnUntraced(function* (plan: Plan) {
    yield* emptyTables
    const references = yield* Effect.provide(ReferenceData, ReferenceData.layerMemory)
    const run = new Run(plan, connection, references)
    const verdict = (problems: ReadonlyArray<string>): Verdict => ({
      problems: [...run.fleet.problems, ...problems],
      struck: run.faults.struck,
      trace: run.trace.lines
    })
    const settled = isSettled(run)
    yield* run.untilSettled(settled)
    if (run.fleet.problems.length > 0) return verdict([])
    const problems = yield* audit(run)
    if (problems.length > 0) return verdict(problems)
    const before = yield* dumpTables
    yield* run.deliverAgain(settled)
    return verdict(dumpChanges(before, yield* dumpTables).map((change) => `delivered again: ${change}`))
  })
  return (plan: Plan) => Effect.provideService(runPlan(plan), SqlClient.SqlClient, sql)
})
