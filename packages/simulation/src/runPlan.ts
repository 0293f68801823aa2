/** Runs a plan from empty tables to the verdict. */
import * as MemoryReferenceData from "@metka/core/MemoryReferenceData"
import { ReferenceData } from "@metka/core/ReferenceData"
import type { DatabaseState } from "@metka/testing/oracle/actual"
import { dumpChanges, dumpTables } from "@metka/testing/tableDump"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { audit, verifyMidway } from "./audit.ts"
import { clientOf, makeEmptyTables } from "./database.ts"
import { makeDatabaseCopy } from "./DatabaseCopy.ts"
import { expectationOf } from "./expectation.ts"
import { goingBackOf, type Plan } from "./Plan.ts"
import { Run } from "./simulate.ts"

export interface Verdict {
  /** What is wrong; empty when nothing is. */
  readonly problems: ReadonlyArray<string>
  readonly struck: ReadonlyMap<string, number>
  readonly trace: ReadonlyArray<string>
  /** What the tables held in the end, unless something was wrong before. */
  readonly state?: DatabaseState
}

/**
 * Nothing waits to be announced, and nobody waits but for what will never come; where the database has gone back, STG has
 * noticed. Asked when all events have happened.
 */
const makeIsSettled = (run: Run) => {
  let mayWait: number | undefined
  return Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ readonly parked: number; readonly unannounced: boolean; readonly placed: number }>`
      select (select count(*)::int from stg.parked_orders) as parked,
        exists (select 1 from cdm.user_tag_history where published_at is null) as unannounced,
        (select count(*)::int from ops.bookmarks
          where consumer_group = ${run.fleet.topology.groupStg} and database = ops.database_identity()) as placed`
    mayWait ??= expectationOf(run).parked.length
    const [now] = rows
    return now?.unannounced === false && now.parked === mayWait && now.placed === run.plan.partitions
  })
}

/**
 * Only so many seeds look while orders are on their way: it takes a fifth of the time of a run. Where the database has
 * gone back, orders that STG has not read again differ for a while.
 */
const looksMidwayEvery = 8

/** The runner of a worker: its runs follow each other on one database. */
export const makeRunner = Effect.gen(function* () {
  const connection = yield* (yield* SqlClient.SqlClient).reserve
  const sql = yield* clientOf(connection)
  const emptyTables = yield* Effect.provideService(makeEmptyTables, SqlClient.SqlClient, sql)
  const copy = yield* Effect.provideService(makeDatabaseCopy, SqlClient.SqlClient, sql)

  const runPlan = Effect.fnUntraced(function* (plan: Plan) {
    yield* emptyTables
    yield* copy.forget
    const references = yield* Effect.provide(ReferenceData, MemoryReferenceData.layer)
    const run = new Run(plan, connection, references, copy)
    const falseAlarms: Array<string> = []
    const verdict = (problems: ReadonlyArray<string>, state?: DatabaseState): Verdict => ({
      ...(state === undefined ? {} : { state }),
      problems: [...run.fleet.problems, ...falseAlarms, ...problems],
      struck: run.faults.struck,
      trace: run.trace.lines
    })
    const isSettled = makeIsSettled(run)
    const midway = Effect.map(verifyMidway, (problems) => void falseAlarms.push(...problems))
    const looks = plan.seed % looksMidwayEvery === 0 && goingBackOf(plan) === undefined
    yield* run.untilSettled(isSettled, looks ? midway : undefined)
    if (run.fleet.problems.length > 0 || falseAlarms.length > 0) return verdict([])
    const { problems, state } = yield* audit(run)
    if (problems.length > 0) return verdict(problems)
    const before = yield* dumpTables
    yield* run.deliverAgain(isSettled)
    return verdict(
      dumpChanges(before, yield* dumpTables).map((change) => `delivered again: ${change}`),
      state
    )
  })
  return (plan: Plan) => Effect.provideService(runPlan(plan), SqlClient.SqlClient, sql)
})
