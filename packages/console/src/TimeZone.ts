/** The zone of days and hours as people see them: `npm run migrate` puts `BUSINESS_TIME_ZONE` where the charts have it. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export const readTimeZone = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ time_zone: string }>`select time_zone from bi.settings`
  return rows[0]?.time_zone ?? "UTC"
})
