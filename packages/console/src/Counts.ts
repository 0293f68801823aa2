/** What a person looks at first: orders, guests, favourites, tags. */
import { isOpen } from "@metka/core/DeadLetters"
import { Clock, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { audienceSizes } from "./Audiences.ts"

const Ranked = Schema.Struct({ name: Schema.String, count: Schema.Int })
export type Ranked = typeof Ranked.Type

/** As the marts had them then. */
export const Counts = Schema.Struct({
  countedAt: Schema.Date,
  orders: Schema.Int,
  closed: Schema.Int.annotate({ description: "Orders that are CLOSED and have dishes" }),
  guests: Schema.Int.annotate({ description: "Guests with such an order" }),
  parked: Schema.Int.annotate({ description: "Orders that wait for a guest, restaurant or dish" }),
  deadLetters: Schema.Int.annotate({ description: "Messages about which something is left to do" }),
  dishes: Schema.Array(Ranked).annotate({ description: "The first ones, by orders with the dish" }),
  categories: Schema.Array(Ranked).annotate({ description: "The first ones, by orders with the category" }),
  tags: Schema.Array(Ranked).annotate({ description: "By guests with the tag" })
})
export type Counts = typeof Counts.Type

const topSize = 5

export const readCounts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const countedAt = new Date(yield* Clock.currentTimeMillis)
  const totals = yield* sql<
    Pick<Counts, "orders" | "closed" | "guests" | "parked"> & { readonly dead_letters: number }
  >`
    select (select count(*)::int from stg.order_events) as orders,
      (select count(*)::int from cdm.order_contributions where user_id is not null) as closed,
      (select count(distinct user_id)::int from cdm.user_category_counters) as guests,
      (select count(*)::int from stg.parked_orders) as parked,
      (select count(*)::int from ops.dead_letters where ${sql.literal(isOpen)}) as dead_letters`
  const dishes = yield* sql<Ranked>`
    select max(product_name) as name, sum(order_cnt)::int as count from cdm.user_product_counters
    group by product_id order by count desc, name limit ${topSize}::int`
  const categories = yield* sql<Ranked>`
    select max(category_name) as name, sum(order_cnt)::int as count from cdm.user_category_counters
    group by category_id order by count desc, name limit ${topSize}::int`
  const tags = yield* sql<Ranked>`
    select tag as name, guests as count from (${sql.literal(audienceSizes)}) audience order by count desc, name`
  const [total] = totals
  const counts: Counts = {
    countedAt,
    orders: total?.orders ?? 0,
    closed: total?.closed ?? 0,
    guests: total?.guests ?? 0,
    parked: total?.parked ?? 0,
    deadLetters: total?.dead_letters ?? 0,
    dishes,
    categories,
    tags
  }
  return counts
})
