/** The SQL of the ledger and the marts: whole batches, locks in key order before reads. */
import { rulesLock } from "@metka/core/advisoryLocks"
import { encoded, int4s, texts, uuids } from "@metka/core/arrays"
import { makeInTurns } from "@metka/core/turns"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Contribution, CounterChange } from "./counters.ts"
import type { OfKinds } from "./Names.ts"
import type { CategoryCount } from "./rules.ts"

const uuidArray = (ids: ReadonlyArray<string>): string => `{${ids.join(",")}}`
const parseUuidArray = (text: string): ReadonlyArray<string> => (text === "{}" ? [] : text.slice(1, -1).split(","))

/** Lists of ids as one: PostgreSQL cuts each of them from it in less time than it reads it as text. */
const concatenated = (lists: ReadonlyArray<ReadonlyArray<string>>) => {
  const ids: Array<string> = []
  const firsts: Array<number> = []
  const lasts: Array<number> = []
  for (const list of lists) {
    firsts.push(ids.length + 1)
    for (const id of list) ids.push(id)
    lasts.push(ids.length)
  }
  return { ids: encoded(uuids(ids)), firsts: encoded(int4s(firsts)), lasts: encoded(int4s(lasts)) }
}

/**
 * The columns of `insertContributions`.
 * @param contributions at most one version an order, sorted by order
 */
export const contributionColumns = (contributions: ReadonlyArray<Contribution>) =>
  makeInTurns(contributions, {
    orderIds: () => encoded(texts(contributions.map((row) => row.orderId))),
    versions: () => encoded(texts(contributions.map((row) => row.version))),
    userIds: () => encoded(uuids(contributions.map((row) => row.userId))),
    dates: () => encoded(texts(contributions.map((row) => row.orderDate ?? ""))),
    products: () => concatenated(contributions.map((row) => row.productIds)),
    categories: () => concatenated(contributions.map((row) => row.categoryIds))
  })

export type ContributionColumns = Effect.Success<ReturnType<typeof contributionColumns>>

/**
 * Inserts the contributions of orders that the ledger does not know, and returns the ids of the others: nearly always
 * there are none. Holds the rules, shared, from here on: before anything is read that they decide about.
 */
export const insertContributions = Effect.fnUntraced(function* (columns: ContributionColumns) {
  const { categories, products } = columns
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  const rows = yield* sql<{ order_id: string }>`
    with rules as materialized (select pg_advisory_xact_lock_shared(${rulesLock}::bigint) as held),
    inserted as (
      insert into cdm.order_contributions (order_id, order_version, user_id, order_dt, product_ids, category_ids, recorded_at)
      select order_id, order_version, user_id, nullif(order_dt, '')::timestamp,
        (${products.ids}::uuid[])[first_product:last_product], (${categories.ids}::uuid[])[first_category:last_category],
        ${now}::timestamptz
      from rules, unnest(${columns.orderIds}::text[], ${columns.versions}::text[], ${columns.userIds}::uuid[], ${columns.dates}::text[],
        ${products.firsts}::int[], ${products.lasts}::int[], ${categories.firsts}::int[], ${categories.lasts}::int[])
        as delivered (order_id, order_version, user_id, order_dt, first_product, last_product, first_category, last_category)
      order by order_id collate "C"
      on conflict (order_id) do nothing
      returning order_id
    )
    select order_id from unnest(${columns.orderIds}::text[]) as delivered (order_id)
    where (select count(*) from inserted) < cardinality(${columns.orderIds}::text[])
      and order_id not in (select order_id from inserted)`
  return new Set(rows.map((row) => row.order_id))
})

/** Locks these orders in the ledger, in key order, and says what they contribute now. */
export const lockContributions = Effect.fnUntraced(function* (orderIds: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{
    order_id: string
    order_version: string
    user_id: string | null
    order_dt: string | null
    product_ids: string
    category_ids: string
  }>`
    select order_id, order_version, user_id, order_dt::text as order_dt, product_ids::text as product_ids,
      category_ids::text as category_ids
    from cdm.order_contributions where order_id = any(${texts(orderIds)}::text[])
    order by order_id for update`
  return rows.map((row): Contribution => ({
    orderId: row.order_id,
    version: row.order_version,
    userId: row.user_id,
    orderDate: row.order_dt,
    productIds: parseUuidArray(row.product_ids),
    categoryIds: parseUuidArray(row.category_ids)
  }))
})

/** Replaces the contributions of orders that `lockContributions` locked. */
export const replaceContributions = Effect.fnUntraced(function* (contributions: ReadonlyArray<Contribution>) {
  if (contributions.length === 0) return
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  yield* sql`
    update cdm.order_contributions held set order_version = delivered.order_version,
      user_id = nullif(delivered.user_id, '')::uuid, order_dt = nullif(delivered.order_dt, '')::timestamp,
      product_ids = delivered.product_ids::uuid[], category_ids = delivered.category_ids::uuid[],
      recorded_at = ${now}::timestamptz
    from unnest(${texts(contributions.map((row) => row.orderId))}::text[], ${texts(contributions.map((row) => row.version))}::text[],
      ${texts(contributions.map((row) => row.userId ?? ""))}::text[], ${texts(contributions.map((row) => row.orderDate ?? ""))}::text[],
      ${texts(contributions.map((row) => uuidArray(row.productIds)))}::text[],
      ${texts(contributions.map((row) => uuidArray(row.categoryIds)))}::text[])
      as delivered (order_id, order_version, user_id, order_dt, product_ids, category_ids)
    where held.order_id = delivered.order_id`
})

/** What a batch changes in the marts. */
export interface MartChanges {
  readonly products: ReadonlyArray<CounterChange>
  readonly categories: ReadonlyArray<CounterChange>
  /** The names of dishes and categories, as they are now. */
  readonly names: OfKinds<ReadonlyMap<string, string>>
  /** The app's own ids of guests, to be remembered. */
  readonly guests: ReadonlyMap<string, string>
}

/**
 * Adds to the counters, and lets go of those that reached 0. Returns the categories' counters that changed and that an
 * active rule is about, as they are now; where a rule has a window, all that changed, since each order moves the window.
 */
export const changeMarts = Effect.fnUntraced(function* ({ categories, guests, names, products }: MartChanges) {
  if (products.length + categories.length + guests.size === 0) return []
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ user_id: string; category_id: string; order_cnt: number }>`
    with guests as (
      insert into cdm.guests (user_id, guest_id)
      select * from unnest(${uuids([...guests.keys()])}::uuid[], ${texts([...guests.values()])}::text[]) as guest (user_id, guest_id)
      order by user_id
      on conflict (user_id) do nothing
    ),
    products as (
      insert into cdm.user_product_counters as held (user_id, product_id, product_name, order_cnt)
      select * from unnest(${uuids(products.map((row) => row.userId))}::uuid[], ${uuids(products.map((row) => row.id))}::uuid[],
        ${texts(products.map((row) => names.products.get(row.id) ?? ""))}::text[], ${int4s(products.map((row) => row.change))}::int[])
        as change (user_id, product_id, product_name, order_cnt)
      order by user_id, product_id
      on conflict (user_id, product_id) do update set order_cnt = held.order_cnt + excluded.order_cnt
      returning 1
    ),
    categories as (
      insert into cdm.user_category_counters as held (user_id, category_id, category_name, order_cnt)
      select * from unnest(${uuids(categories.map((row) => row.userId))}::uuid[], ${uuids(categories.map((row) => row.id))}::uuid[],
        ${texts(categories.map((row) => names.categories.get(row.id) ?? ""))}::text[], ${int4s(categories.map((row) => row.change))}::int[])
        as change (user_id, category_id, category_name, order_cnt)
      order by user_id, category_id
      on conflict (user_id, category_id) do update set order_cnt = held.order_cnt + excluded.order_cnt
      returning held.user_id, held.category_id, held.order_cnt
    )
    select user_id, category_id, order_cnt from categories
    -- Dishes before categories, as whoever renames takes them: parts that nobody reads would come last.
    where (select count(*) from products) >= 0
      and (category_id in (select category_id from cdm.tag_rules where active)
        or exists (select from cdm.tag_rules where active and window_days is not null))`
  yield* letGoOfZeros(
    products.filter((row) => row.change < 0),
    categories.filter((row) => row.change < 0)
  )
  return rows.map((row): CategoryCount => ({
    userId: row.user_id,
    categoryId: row.category_id,
    orderCount: row.order_cnt
  }))
})

const letGoOfZeros = Effect.fnUntraced(function* (
  products: ReadonlyArray<CounterChange>,
  categories: ReadonlyArray<CounterChange>
) {
  if (products.length + categories.length === 0) return
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    with products as (
      delete from cdm.user_product_counters held
      using unnest(${uuids(products.map((row) => row.userId))}::uuid[], ${uuids(products.map((row) => row.id))}::uuid[]) as change (user_id, product_id)
      where held.user_id = change.user_id and held.product_id = change.product_id and held.order_cnt = 0
    )
    delete from cdm.user_category_counters held
    using unnest(${uuids(categories.map((row) => row.userId))}::uuid[], ${uuids(categories.map((row) => row.id))}::uuid[]) as change (user_id, category_id)
    where held.user_id = change.user_id and held.category_id = change.category_id and held.order_cnt = 0`
})
