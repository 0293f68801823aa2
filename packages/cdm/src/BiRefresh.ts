/** Keeps the views of BI up to date. */
import { describe } from "@metka/core/Outage"
import { Clock, Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"

const refreshWhere = Effect.fnUntraced(function* (onlyIfDue: boolean) {
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  const rows = yield* sql<{ refreshed: boolean }>`select bi.refresh(${now}::timestamptz, ${onlyIfDue}) as refreshed`
  return rows[0]?.refreshed === true
})

/** Computes the views anew; false when somebody else is at it. */
export const refresh = refreshWhere(false)

/**
 * Asks every 15 seconds whether it is time: the database knows when the views were last computed and how long that took,
 * so that several processes do no more than one. A failure waits for the next round, since nothing depends on it.
 */
export const run = refreshWhere(true).pipe(
  Effect.catch((error) => Effect.logWarning(`the views of BI stay as they are: ${describe(error)}`)),
  Effect.withTracerEnabled(false),
  Effect.repeat(Schedule.spaced("15 seconds"))
)
