/**
 * The checkpointer that PGlite lacks: it is PostgreSQL's single-user mode, which has no background processes. Its
 * write-ahead log, in memory or in a directory, would grow for as long as it runs.
 */
import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { describe } from "./Outage.ts"

/** Three segments. A week of 50,000 orders writes some 290 MB. */
const dueBytes = 48 * 1024 * 1024

/** Makes a checkpoint if as much was written since the last one. */
export const checkpointIfDue = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [written] = yield* sql<{ bytes: number }>`
    select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 as bytes from pg_control_checkpoint()`
  if (written !== undefined && written.bytes >= dueBytes) yield* sql`checkpoint`
})

/** Runs until it is interrupted. A failure waits for the next round. */
export const run = checkpointIfDue.pipe(
  Effect.catch((error) => Effect.logError(`the embedded PostgreSQL made no checkpoint: ${describe(error)}`)),
  Effect.withTracerEnabled(false),
  Effect.repeat(Schedule.spaced("1 second"))
)
