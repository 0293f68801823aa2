/** The orders that wait for a reference: what an operator needs to bring it, and nothing of the guest but the id. */
import type { Missing } from "@metka/stg/enrich"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { moreLines, number, printable, tableLines, timeText } from "./terminal.ts"

interface ParkedOrder {
  readonly orderId: string
  readonly missing: Missing
  readonly attempts: number
  readonly since: Date
  readonly nextAttempt: Date
}

interface ParkedOrders {
  /** Those that have waited longest come first. */
  readonly oldest: ReadonlyArray<ParkedOrder>
  readonly total: number
}

export const readParkedOrders = Effect.fnUntraced(function* (limit: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<ParkedOrder & { readonly total: number }>`
    select object_id::text as "orderId", missing, attempts, parked_at as since, next_attempt_at as "nextAttempt",
      (count(*) over ())::int as total
    from stg.parked_orders order by parked_at, object_id limit ${limit}::int`
  const parked: ParkedOrders = { oldest: rows, total: rows[0]?.total ?? 0 }
  return parked
})

const named = (kind: string, ids: ReadonlyArray<string>): ReadonlyArray<string> =>
  ids.map((id) => `${kind} ${printable(id)}`)

const missingText = ({ dishes, guests, restaurants }: Missing): string =>
  [...named("guest", guests), ...named("restaurant", restaurants), ...named("dish", dishes)].join(", ")

const columns = ["order", "since", "attempts", "next attempt", "missing"]

/** The list for a terminal. */
export const parkedText = ({ oldest, total }: ParkedOrders): string => {
  if (oldest.length === 0) return "No order waits for a guest, restaurant or dish."
  const rows = [
    columns,
    ...oldest.map(({ attempts, missing, nextAttempt, orderId, since }) => [
      orderId,
      timeText(since),
      number.format(attempts),
      timeText(nextAttempt),
      missingText(missing)
    ])
  ]
  return [
    ...tableLines(rows),
    ...moreLines(oldest.length, total),
    "",
    "Load what is missing: npx metka references load FILE. The orders go on within a minute."
  ].join("\n")
}
