/** The SQL of DDS: two statements a round, three where versions are held already, every insert in key order. */
import { encoded, int4s, int8s, texts, uuids } from "@metka/core/arrays"
import { makeInTurns } from "@metka/core/turns"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Things } from "./KnownThings.ts"
import type { VaultRows } from "./vault.ts"

/**
 * The columns of orders, and of the items of all of them.
 * @param orders sorted by key
 */
export const orderColumns = Effect.fnUntraced(function* (orders: VaultRows["orders"]) {
  const items = orders.flatMap((order) => order.items)
  const ofOrders = yield* makeInTurns(orders, {
    pks: () => encoded(uuids(orders.map((row) => row.pk))),
    orderIds: () => encoded(int8s(orders.map((row) => row.orderId))),
    dates: () => encoded(texts(orders.map((row) => row.date))),
    versions: () => encoded(texts(orders.map((row) => row.version))),
    costs: () => encoded(texts(orders.map((row) => String(row.cost)))),
    payments: () => encoded(texts(orders.map((row) => String(row.payment)))),
    statuses: () => encoded(texts(orders.map((row) => row.status))),
    costHashdiffs: () => encoded(uuids(orders.map((row) => row.costHashdiff))),
    statusHashdiffs: () => encoded(uuids(orders.map((row) => row.statusHashdiff))),
    userPks: () => encoded(uuids(orders.map((row) => row.userPk))),
    orderUserPks: () => encoded(uuids(orders.map((row) => row.orderUserPk))),
    restaurantPks: () => encoded(uuids(orders.map((row) => row.restaurantPk)))
  })
  const ofItems = yield* makeInTurns(orders, {
    orderProductPks: () => encoded(uuids(items.map((row) => row.orderProductPk))),
    orderPks: () => encoded(uuids(orders.flatMap((row) => row.items.map(() => row.pk)))),
    productPks: () => encoded(uuids(items.map((row) => row.productPk))),
    categoryPks: () => encoded(uuids(items.map((row) => row.categoryPk))),
    prices: () => encoded(texts(items.map((row) => String(row.price)))),
    quantities: () => encoded(texts(items.map((row) => String(row.quantity))))
  })
  return { orders: ofOrders, items: ofItems }
})

export type OrderColumns = Effect.Success<ReturnType<typeof orderColumns>>

/**
 * Takes in the versions that are newer than the ones held, and locks the orders of the others.
 * @returns `numbers`: by the key of an order the number that its version got, 0 of one that was not taken in; first
 *   versions, which nearly all are, are left out. `database`: the identity of the one that took them
 */
export const takeOrders = Effect.fnUntraced(function* ({ orders }: OrderColumns, source: string) {
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  const rows = yield* sql<{ database: string; h_order_pk: string | null; version_no: number }>`
    with taken as (
      insert into dds.h_order as held (h_order_pk, order_id, order_dt, order_version, version_no, load_dt, load_src)
      select h_order_pk, order_id, order_dt, order_version, 1, ${now}::timestamptz, ${source}
      from unnest(${orders.pks}::uuid[], ${orders.orderIds}::bigint[], ${orders.dates}::timestamp[], ${orders.versions}::text[])
        as delivered (h_order_pk, order_id, order_dt, order_version)
      order by h_order_pk
      on conflict (h_order_pk) do update set order_dt = excluded.order_dt, order_version = excluded.order_version,
        version_no = held.version_no + 1
      where held.order_version < excluded.order_version
      returning held.h_order_pk, held.version_no
    )
    select database, h_order_pk, coalesce(version_no, 0) as version_no
    from ops.database_identity() as database left join (
      select h_order_pk, version_no from unnest(${orders.pks}::uuid[]) as delivered (h_order_pk) left join taken using (h_order_pk)
      where (select count(*) from taken where version_no = 1) < cardinality(${orders.pks}::uuid[])
        and version_no is distinct from 1
    ) as others on true`
  const numbers = new Map<string, number>()
  for (const row of rows) if (row.h_order_pk !== null) numbers.set(row.h_order_pk, row.version_no)
  return { numbers, database: rows[0]?.database ?? "" }
})

export type VersionNumbers = Effect.Success<ReturnType<typeof takeOrders>>["numbers"]

/** The versions held of these orders. A statement of its own after the locks: it sees what they waited for. */
export const heldVersions = Effect.fnUntraced(function* (orders: VaultRows["orders"]) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ h_order_pk: string; order_version: string }>`
    select h_order_pk, order_version
    from unnest(${uuids(orders.map((order) => order.pk))}::uuid[]) as asked (h_order_pk) join dds.h_order using (h_order_pk)`
  return new Map(rows.map((row) => [row.h_order_pk, row.order_version]))
})

/**
 * What is not there yet of guests, restaurants, dishes and categories and their links, and names that are newer than the
 * newest one held: so a satellite's newest row by version is its newest row by load too.
 */
const insertsOfThings = (sql: SqlClient.SqlClient, things: Things) => {
  const { categories, productCategories, productRestaurants, products, restaurants, users } = things
  return sql`
    users as (
      select * from loaded, unnest(${uuids(users.map((row) => row.pk))}::uuid[], ${texts(users.map((row) => row.userId))}::text[],
        ${texts(users.map((row) => row.name))}::text[], ${texts(users.map((row) => row.login ?? ""))}::text[],
        ${users.map((row) => row.login === null)}::bool[], ${texts(users.map((row) => row.version))}::text[],
        ${uuids(users.map((row) => row.hashdiff))}::uuid[])
        as row (h_user_pk, user_id, username, userlogin, without_login, user_version, hashdiff)
    ),
    restaurants as (
      select * from loaded, unnest(${uuids(restaurants.map((row) => row.pk))}::uuid[],
        ${texts(restaurants.map((row) => row.restaurantId))}::text[], ${texts(restaurants.map((row) => row.name))}::text[],
        ${texts(restaurants.map((row) => row.version))}::text[], ${uuids(restaurants.map((row) => row.hashdiff))}::uuid[])
        as row (h_restaurant_pk, restaurant_id, name, restaurant_version, hashdiff)
    ),
    products as (
      select * from loaded, unnest(${uuids(products.map((row) => row.pk))}::uuid[], ${texts(products.map((row) => row.productId))}::text[],
        ${texts(products.map((row) => row.name))}::text[], ${texts(products.map((row) => row.version))}::text[],
        ${uuids(products.map((row) => row.hashdiff))}::uuid[])
        as row (h_product_pk, product_id, name, restaurant_version, hashdiff)
    ),
    h_user as (
      insert into dds.h_user select h_user_pk, user_id, load_dt, load_src from users
      order by h_user_pk on conflict do nothing
    ),
    h_restaurant as (
      insert into dds.h_restaurant select h_restaurant_pk, restaurant_id, load_dt, load_src from restaurants
      order by h_restaurant_pk on conflict do nothing
    ),
    h_product as (
      insert into dds.h_product select h_product_pk, product_id, load_dt, load_src from products
      order by h_product_pk on conflict do nothing
    ),
    h_category as (
      insert into dds.h_category select h_category_pk, category_name, load_dt, load_src
      from loaded, unnest(${uuids(categories.map((row) => row.pk))}::uuid[], ${texts(categories.map((row) => row.name))}::text[])
        as row (h_category_pk, category_name)
      order by h_category_pk on conflict do nothing
    ),
    l_product_category as (
      insert into dds.l_product_category select hk_product_category_pk, h_product_pk, h_category_pk, load_dt, load_src
      from loaded, unnest(${uuids(productCategories.map((row) => row.pk))}::uuid[],
        ${uuids(productCategories.map((row) => row.productPk))}::uuid[],
        ${uuids(productCategories.map((row) => row.otherPk))}::uuid[])
        as row (hk_product_category_pk, h_product_pk, h_category_pk)
      order by hk_product_category_pk on conflict do nothing
    ),
    l_product_restaurant as (
      insert into dds.l_product_restaurant select hk_product_restaurant_pk, h_product_pk, h_restaurant_pk, load_dt, load_src
      from loaded, unnest(${uuids(productRestaurants.map((row) => row.pk))}::uuid[],
        ${uuids(productRestaurants.map((row) => row.productPk))}::uuid[],
        ${uuids(productRestaurants.map((row) => row.otherPk))}::uuid[])
        as row (hk_product_restaurant_pk, h_product_pk, h_restaurant_pk)
      order by hk_product_restaurant_pk on conflict do nothing
    ),
    s_user_names as (
      insert into dds.s_user_names
      select h_user_pk, username, case when without_login then null else userlogin end, user_version, hashdiff, load_dt, load_src
      from users where not exists (
        select 1 from dds.s_user_names held where held.h_user_pk = users.h_user_pk
          and (held.user_version, held.hk_user_names_hashdiff) >= (users.user_version collate "C", users.hashdiff)
      ) order by h_user_pk on conflict do nothing
    ),
    s_restaurant_names as (
      insert into dds.s_restaurant_names
      select h_restaurant_pk, name, restaurant_version, hashdiff, load_dt, load_src
      from restaurants where not exists (
        select 1 from dds.s_restaurant_names held where held.h_restaurant_pk = restaurants.h_restaurant_pk
          and (held.restaurant_version, held.hk_restaurant_names_hashdiff) >= (restaurants.restaurant_version collate "C", restaurants.hashdiff)
      ) order by h_restaurant_pk on conflict do nothing
    ),
    s_product_names as (
      insert into dds.s_product_names
      select h_product_pk, name, restaurant_version, hashdiff, load_dt, load_src
      from products where not exists (
        select 1 from dds.s_product_names held where held.h_product_pk = products.h_product_pk
          and (held.restaurant_version, held.hk_product_names_hashdiff) >= (products.restaurant_version collate "C", products.hashdiff)
      ) order by h_product_pk on conflict do nothing
    ),`
}

/**
 * Inserts things, and the links and satellites of the versions that `takeOrders` took in. The first version of an order,
 * which nearly every one is, cannot meet a link of its order: it is spared `on conflict`, which costs as much as the
 * insert itself.
 * @param rows the orders that `columns` are of
 * @param numbers as `takeOrders` returned them
 */
export const insertRows = Effect.fnUntraced(function* (
  things: Things,
  rows: VaultRows["orders"],
  { items, orders }: OrderColumns,
  numbers: VersionNumbers,
  source: string
) {
  const versionNumbers = rows.map(({ pk }) => numbers.get(pk) ?? 1)
  if (versionNumbers.every((number) => number === 0)) return
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  const ofItems = rows.flatMap((row, index) => row.items.map(() => versionNumbers[index] ?? 1))
  yield* sql`
    with loaded (load_dt, load_src) as (values (${now}::timestamptz, ${source}::text)),
    ${hasRows(things) ? insertsOfThings(sql, things) : sql``}
    orders as (
      select * from loaded, unnest(${orders.pks}::uuid[], ${int4s(versionNumbers)}::int[], ${orders.costs}::numeric[],
        ${orders.payments}::numeric[], ${orders.statuses}::text[], ${orders.costHashdiffs}::uuid[],
        ${orders.statusHashdiffs}::uuid[], ${orders.userPks}::uuid[], ${orders.orderUserPks}::uuid[], ${orders.restaurantPks}::uuid[])
        as row (h_order_pk, version_no, cost, payment, status, cost_hashdiff, status_hashdiff, h_user_pk,
          hk_order_user_pk, h_restaurant_pk)
      where version_no > 0
    ),
    items as (
      select * from loaded, unnest(${items.orderProductPks}::uuid[], ${items.orderPks}::uuid[], ${items.productPks}::uuid[],
        ${items.categoryPks}::uuid[], ${items.prices}::numeric[], ${items.quantities}::numeric[], ${int4s(ofItems)}::int[])
        as row (hk_order_product_pk, h_order_pk, h_product_pk, h_category_pk, price, quantity, version_no)
      where version_no > 0
    ),
    l_order_user_of_first as (
      insert into dds.l_order_user select hk_order_user_pk, h_order_pk, h_user_pk, load_dt, load_src from orders where version_no = 1
    ),
    l_order_user as (
      insert into dds.l_order_user select hk_order_user_pk, h_order_pk, h_user_pk, load_dt, load_src from orders where version_no > 1
      on conflict do nothing
    ),
    l_order_product_of_first as (
      insert into dds.l_order_product select hk_order_product_pk, h_order_pk, h_product_pk, load_dt, load_src from items where version_no = 1
    ),
    l_order_product as (
      insert into dds.l_order_product select hk_order_product_pk, h_order_pk, h_product_pk, load_dt, load_src from items where version_no > 1
      on conflict do nothing
    ),
    s_order_cost as (
      insert into dds.s_order_cost select h_order_pk, cost, payment, version_no, cost_hashdiff, load_dt, load_src from orders
    ),
    s_order_status as (
      insert into dds.s_order_status select h_order_pk, status, version_no, status_hashdiff, load_dt, load_src from orders
    ),
    s_order_effectivity as (
      insert into dds.s_order_effectivity select h_order_pk, h_user_pk, h_restaurant_pk, version_no, load_dt, load_src from orders
    )
    insert into dds.s_order_product
    select hk_order_product_pk, h_order_pk, h_category_pk, price, quantity, version_no, load_dt, load_src from items`
})

const hasRows = (things: Things): boolean => Object.values(things).some((rows) => rows.length > 0)
