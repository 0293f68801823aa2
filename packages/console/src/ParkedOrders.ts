/** The orders that wait for a reference: what an operator needs to bring it, and nothing of the guest but the id. */
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"

const Ids = Schema.Array(Schema.String)

export const ParkedOrder = Schema.Struct({
  orderId: Schema.String,
  missing: Schema.Struct({ guests: Ids, restaurants: Ids, dishes: Ids }).annotate({
    description: "The ids that Redis does not know"
  }),
  attempts: Schema.Int,
  since: Schema.Date,
  nextAttempt: Schema.Date
})
type ParkedOrder = typeof ParkedOrder.Type

/** Each thing that Redis does not know, as what and by which id. */
export const missingThings = ({
  missing: { dishes, guests, restaurants }
}: Pick<ParkedOrder, "missing">): ReadonlyArray<string> => [
  ...guests.map((id) => `guest ${id}`),
  ...restaurants.map((id) => `restaurant ${id}`),
  ...dishes.map((id) => `dish ${id}`)
]

export const ParkedOrders = Schema.Struct({
  oldest: Schema.Array(ParkedOrder).annotate({ description: "Those that have waited longest come first" }),
  total: Schema.Int
})
export type ParkedOrders = typeof ParkedOrders.Type

export const readParkedOrders = Effect.fnUntraced(function* (limit: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<ParkedOrder & { readonly total: number }>`
    select object_id::text as "orderId", missing, attempts, parked_at as since, next_attempt_at as "nextAttempt",
      (count(*) over ())::int as total
    from stg.parked_orders order by parked_at, object_id limit ${limit}::int`
  const parked: ParkedOrders = { oldest: rows, total: rows[0]?.total ?? 0 }
  return parked
})
