/** What the orders of a page demand of tables that orders share: guests, restaurants, dishes, categories and names. */
import { categoryNames, isNewer, type Name, type NameTable, newestNames, productNames } from "@metka/cdm/Names"
import { contributions, type OrderInVault, type VaultRows, type VersionedOrder } from "@metka/dds/vault"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Difference } from "./Difference.ts"

interface Unmet {
  readonly table: string
  readonly id: string
  readonly is: string | null
  readonly wanted: string
}

/**
 * The rows of the vault that these orders demand and that are not there, or not so new. Names need only be as new: an
 * older version of an order may have brought a newer one.
 * @param orders those that the rows were made of
 */
export const unmetInVault = Effect.fnUntraced(function* (demanded: VaultRows, orders: ReadonlyArray<OrderInVault>) {
  if (orders.length === 0) return []
  const { categories, productCategories, productRestaurants, products, restaurants, users } = demanded
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<Unmet>`
    with users as (
      select * from unnest(${users.map((row) => row.pk)}::uuid[], ${users.map((row) => row.userId)}::text[],
        ${users.map((row) => row.name)}::text[], ${users.map((row) => row.version)}::text[],
        ${users.map((row) => row.hashdiff)}::uuid[]) as row (pk, id, name, version, hashdiff)
    ), restaurants as (
      select * from unnest(${restaurants.map((row) => row.pk)}::uuid[], ${restaurants.map((row) => row.restaurantId)}::text[],
        ${restaurants.map((row) => row.name)}::text[], ${restaurants.map((row) => row.version)}::text[],
        ${restaurants.map((row) => row.hashdiff)}::uuid[]) as row (pk, id, name, version, hashdiff)
    ), products as (
      select * from unnest(${products.map((row) => row.pk)}::uuid[], ${products.map((row) => row.productId)}::text[],
        ${products.map((row) => row.name)}::text[], ${products.map((row) => row.version)}::text[],
        ${products.map((row) => row.hashdiff)}::uuid[]) as row (pk, id, name, version, hashdiff)
    )
    select 'dds.h_user' as table, pk::text as id, held.user_id as is, users.id as wanted
    from users left join dds.h_user held on held.h_user_pk = pk where held.user_id is distinct from users.id
    union all
    select 'dds.h_restaurant', pk::text, held.restaurant_id, restaurants.id
    from restaurants left join dds.h_restaurant held on held.h_restaurant_pk = pk
    where held.restaurant_id is distinct from restaurants.id
    union all
    select 'dds.h_product', pk::text, held.product_id, products.id
    from products left join dds.h_product held on held.h_product_pk = pk where held.product_id is distinct from products.id
    union all
    select 'dds.h_category', pk::text, held.category_name, name
    from unnest(${categories.map((row) => row.pk)}::uuid[], ${categories.map((row) => row.name)}::text[]) as row (pk, name)
    left join dds.h_category held on held.h_category_pk = pk where held.category_name is distinct from name
    union all
    select 'dds.l_product_category', pk::text, null, concat('h_product_pk ', product, ' h_category_pk ', category)
    from unnest(${productCategories.map((row) => row.pk)}::uuid[], ${productCategories.map((row) => row.productPk)}::uuid[],
      ${productCategories.map((row) => row.otherPk)}::uuid[]) as row (pk, product, category)
    where not exists (select 1 from dds.l_product_category held
      where (hk_product_category_pk, h_product_pk, h_category_pk) = (pk, product, category))
    union all
    select 'dds.l_product_restaurant', pk::text, null, concat('h_product_pk ', product, ' h_restaurant_pk ', restaurant)
    from unnest(${productRestaurants.map((row) => row.pk)}::uuid[], ${productRestaurants.map((row) => row.productPk)}::uuid[],
      ${productRestaurants.map((row) => row.otherPk)}::uuid[]) as row (pk, product, restaurant)
    where not exists (select 1 from dds.l_product_restaurant held
      where (hk_product_restaurant_pk, h_product_pk, h_restaurant_pk) = (pk, product, restaurant))
    union all
    select 'dds.s_user_names', pk::text, (select max(user_version) from dds.s_user_names held where held.h_user_pk = pk),
      concat(name, ' of ', version)
    from users where not exists (select 1 from dds.s_user_names held where held.h_user_pk = pk
      and (user_version, hk_user_names_hashdiff) >= (version collate "C", hashdiff))
    union all
    select 'dds.s_restaurant_names', pk::text,
      (select max(restaurant_version) from dds.s_restaurant_names held where held.h_restaurant_pk = pk), concat(name, ' of ', version)
    from restaurants where not exists (select 1 from dds.s_restaurant_names held where held.h_restaurant_pk = pk
      and (restaurant_version, hk_restaurant_names_hashdiff) >= (version collate "C", hashdiff))
    union all
    select 'dds.s_product_names', pk::text,
      (select max(restaurant_version) from dds.s_product_names held where held.h_product_pk = pk), concat(name, ' of ', version)
    from products where not exists (select 1 from dds.s_product_names held where held.h_product_pk = pk
      and (restaurant_version, hk_product_names_hashdiff) >= (version collate "C", hashdiff))`
  if (rows.length === 0) return []
  const demanding = demandingOrders(demanded, orders)
  return rows.map(({ id, is, table, wanted }): Difference => ({
    check: "things",
    order: demanding.get(id) ?? null,
    table,
    what: id,
    is: is ?? "no row",
    shouldBe: wanted,
    remedy: "retake"
  }))
})

/**
 * By the key of each row an order that demands the very row: one that asks for an older name of the thing may have what
 * it asks for.
 */
const demandingOrders = (
  { categories, productCategories, productRestaurants, products, restaurants, users }: VaultRows,
  orders: ReadonlyArray<OrderInVault>
): ReadonlyMap<string, string> => {
  const demanded = new Set<object>(
    [users, restaurants, products, categories, productCategories, productRestaurants].flat()
  )
  const demanding = new Map<string, string>()
  for (const { dishes, order, restaurant, user } of orders) {
    for (const row of [user, restaurant, ...dishes.flatMap((dish) => Object.values(dish))]) {
      if (demanded.has(row) && !demanding.has(row.pk)) demanding.set(row.pk, String(order.orderId))
    }
  }
  return demanding
}

/** A name as the marts hold it. */
interface HeldName extends Name {
  /** The vault has this name too: of a dish under the same version, of a category as its key. */
  readonly inVault: boolean
}

/**
 * Whether the marts must have the name that an order brought instead of the one they hold. One that is as new may win
 * by its hash, but then it came with an order, and the vault has it. A category's name is its key: it never gets newer.
 */
const mustReplace = (kind: NameTable, brought: Name, held: HeldName): boolean =>
  kind === categoryNames
    ? brought.name !== held.name && (isNewer(brought, held) || !held.inVault)
    : isNewer(brought, held) || (brought.version === held.version && brought.name !== held.name && !held.inVault)

/** A name, and the order that brings it to the marts. */
interface BroughtName {
  readonly name: Name
  readonly orderId: number
}

/** What these orders bring to the marts, name by name; one that is not CLOSED brings none. */
const eachBroughtName = (orders: ReadonlyArray<VersionedOrder>) => {
  const products: Array<BroughtName> = []
  const categories: Array<BroughtName> = []
  for (const { order, restaurantVersion: version } of orders) {
    for (const { category_id, category_name, product_id, product_name } of contributions(order)) {
      products.push({ name: { id: product_id, name: product_name, version }, orderId: order.object_id })
      categories.push({ name: { id: category_id, name: category_name, version }, orderId: order.object_id })
    }
  }
  return { products, categories }
}

const newestOf = (brought: ReadonlyArray<BroughtName>): ReadonlyArray<Name> =>
  newestNames(brought.map(({ name }) => name))

/** The newest names that these orders bring to the marts. */
export const broughtNames = (orders: ReadonlyArray<VersionedOrder>) => {
  const { categories, products } = eachBroughtName(orders)
  return { products: newestOf(products), categories: newestOf(categories) }
}

/** Names that the marts hold, but not as new as these orders brought them. */
export const staleNames = Effect.fnUntraced(function* (orders: ReadonlyArray<VersionedOrder>) {
  const { categories, products } = eachBroughtName(orders)
  return [...(yield* staleNamesOf(productNames, products)), ...(yield* staleNamesOf(categoryNames, categories))]
})

const staleNamesOf = Effect.fnUntraced(function* (kind: NameTable, brought: ReadonlyArray<BroughtName>) {
  const stale = yield* namesNotHeld(kind, newestOf(brought))
  if (stale.length === 0) return []
  const orderOf = new Map(brought.map(({ name, orderId }) => [name, String(orderId)]))
  return stale.map(({ held, name }): Difference => ({
    check: "names",
    order: orderOf.get(name) ?? null,
    table: kind.table,
    what: `${kind.id} ${name.id}`,
    is: held === undefined ? "no row" : `${held.name} of ${held.version}`,
    shouldBe: `${name.name} of ${name.version}`,
    remedy: "rebuild"
  }))
})

/** Of these names those that the marts do not have yet, each beside the one they hold. */
export const namesNotHeld = Effect.fnUntraced(function* (kind: NameTable, names: ReadonlyArray<Name>) {
  if (names.length === 0) return []
  const held = yield* heldNames(
    kind,
    names.map(({ id }) => id)
  )
  return names
    .map((name) => ({ name, held: held.get(name.id) }))
    .filter(({ held, name }) => held === undefined || mustReplace(kind, name, held))
})

/** The names that the marts hold of these things, by id. */
const heldNames = Effect.fnUntraced(function* (kind: NameTable, ids: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const inVault =
    kind === productNames
      ? sql`exists (select 1 from dds.s_product_names vault where vault.h_product_pk = held.product_id
          and vault.restaurant_version = held.name_version and vault.name = held.product_name)`
      : sql`exists (select 1 from dds.h_category vault where vault.h_category_pk = held.category_id
          and vault.category_name = held.category_name)`
  const rows = yield* sql<HeldName>`
    select held.${sql(kind.id)} as id, held.${sql(kind.name)} as name, held.name_version as version, ${inVault} as "inVault"
    from unnest(${ids}::uuid[]) as asked (id) join ${sql(kind.table)} held on held.${sql(kind.id)} = asked.id`
  return new Map(rows.map((row) => [row.id, row]))
})
