/** What a person wants to know after a load: orders, guests, favourites, tags. */
import { isOpen } from "@metka/core/DeadLetters"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { audienceSizes } from "./Audience.ts"
import { number } from "./terminal.ts"

export interface Ranked {
  readonly name: string
  readonly count: number
}

/** Counts as the marts have them now. */
export interface Counts {
  readonly orders: number
  readonly closed: number
  readonly guests: number
  readonly parked: number
  readonly deadLetters: number
  /** Orders with the dish. */
  readonly dishes: ReadonlyArray<Ranked>
  /** Orders with the category. */
  readonly categories: ReadonlyArray<Ranked>
  /** Guests with the tag. */
  readonly tags: ReadonlyArray<Ranked>
}

const topSize = 5

export const readCounts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
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

const rows = (title: string, unit: string, ranked: ReadonlyArray<Ranked>): ReadonlyArray<string> => {
  if (ranked.length === 0) return []
  const width = Math.max(...ranked.map(({ name }) => name.length))
  return [
    "",
    `  ${title}`,
    ...ranked.map(({ count, name }) => `    ${name.padEnd(width)}  ${number.format(count).padStart(8)} ${unit}`)
  ]
}

/** The summary as text. */
export const summary = (counts: Counts): string =>
  [
    "",
    `  ${number.format(counts.orders)} orders, ${number.format(counts.closed)} of them CLOSED and not empty, ` +
      `by ${number.format(counts.guests)} guests`,
    ...(counts.parked > 0
      ? [`  ${number.format(counts.parked)} wait for a guest, restaurant or dish that Redis does not know`]
      : []),
    ...(counts.deadLetters > 0 ? [`  ${number.format(counts.deadLetters)} messages in the dead letters`] : []),
    ...rows("Top dishes", "orders", counts.dishes),
    ...rows("Top categories", "orders", counts.categories),
    ...rows("Guests by tag", "guests", counts.tags),
    ""
  ].join("\n")
