/** The zone of days and hours as people see them: `npm run migrate` puts `BUSINESS_TIME_ZONE` where the charts have it. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export const readTimeZone = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ time_zone: string }>`select time_zone from bi.settings`
  return rows[0]?.time_zone ?? "UTC"
})

const formatIn = (timeZone: string, timeStyle: "short" | "medium"): ((date: Date) => string) => {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle })
  return (date) => format.format(date)
}

/** `2026-11-29 20:33` in the zone. */
export const timeIn = (timeZone: string) => formatIn(timeZone, "short")

/** `2026-11-29 20:33:07` in the zone. */
export const secondsIn = (timeZone: string) => formatIn(timeZone, "medium")
