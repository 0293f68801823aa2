/** A row of a mart is of many orders: finds those that count in it. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Difference } from "./Difference.ts"

const keyOf = (userId: string, thingId: string): string => `${userId} ${thingId}`

/** Names up to five orders in differences of marts. */
export const nameOrders = Effect.fnUntraced(function* (differences: ReadonlyArray<Difference>) {
  const rows = differences.flatMap(({ mart }) => mart ?? [])
  if (rows.length === 0) return differences
  const sql = yield* SqlClient.SqlClient
  const found = yield* sql<{ user_id: string; thing_id: string; orders: string }>`
    select user_id, thing_id, array_to_string((array_agg(order_id order by order_id))[1:5], ', ') as orders
    from (select distinct * from unnest(${rows.map(({ userId }) => userId)}::uuid[], ${rows.map(({ thingId }) => thingId)}::uuid[])
      as row (user_id, thing_id)) asked
    join cdm.order_contributions ledger using (user_id)
    where thing_id = any(product_ids) or thing_id = any(category_ids)
    group by user_id, thing_id`
  const orders = new Map(found.map((row) => [keyOf(row.user_id, row.thing_id), row.orders]))
  return differences.map((difference) =>
    difference.mart === undefined
      ? difference
      : { ...difference, order: orders.get(keyOf(difference.mart.userId, difference.mart.thingId)) ?? difference.order }
  )
})
