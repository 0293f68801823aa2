/**
 * The ledger as it must be, made beside the live one in temporary tables, while the services run: from STG through the
 * services' functions, or from the vault in SQL.
 */
import { categoryNames, type Name, newestNames, type NameTable, productNames } from "@metka/cdm/Names"
import { uuids } from "@metka/core/arrays"
import { forEachPage } from "@metka/core/Cursor"
import { timeless } from "@metka/core/messages/OrderVersion"
import type { VersionedOrder } from "@metka/dds/vault"
import { Effect, Result } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { broughtNames } from "./demands.ts"
import { contributionOf } from "./judgeOrder.ts"
import { vaultContributions } from "./newestInVault.ts"
import type { BeginRebuildStep } from "./RebuildSteps.ts"
import { readStored, type StoredRow } from "./readStored.ts"

export type Source = "stg" | "vault"

/** The names that must be there. */
export interface ShadowNames {
  readonly products: ReadonlyArray<Name>
  readonly categories: ReadonlyArray<Name>
}

const makeTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Compiling the queries of a comparison takes longer than running them.
  yield* sql`set local jit = off`
  yield* sql`create temp table shadow_ledger (
    order_id text collate "C" primary key, order_version text collate "C" not null, user_id uuid, order_dt timestamp,
    product_ids uuid[] not null, category_ids uuid[] not null) on commit drop`
  yield* sql`create temp table shadow_guests (user_id uuid primary key, guest_id text not null) on commit drop`
})

const countRows = Effect.fnUntraced(function* (from: string) {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ rows: number }>`select count(*)::int as rows ${sql.literal(from)}`
  return found?.rows ?? 0
})

const fromStored = "from stg.order_events where enrichment is not null"

const storedOrders = `
  select object_id::text as object_id, order_version, to_char(sent_dttm, 'YYYY-MM-DD HH24:MI:SS.US') as sent_dttm,
    payload::text as payload, enrichment::text as enrichment
  ${fromStored}`

const addOrders = Effect.fnUntraced(function* (orders: ReadonlyArray<VersionedOrder>) {
  const sql = yield* SqlClient.SqlClient
  const rows = orders.map((order) => ({ ...contributionOf(order), guestId: order.order.payload.user.id }))
  yield* sql`
    insert into shadow_ledger
    select order_id, order_version, nullif(user_id, '')::uuid, order_dt, product_ids::uuid[], category_ids::uuid[]
    from unnest(${rows.map((row) => row.orderId)}::text[], ${rows.map((row) => row.version)}::text[],
      ${rows.map((row) => row.userId ?? "")}::text[], ${rows.map((row) => row.orderDate ?? "")}::timestamp[],
      ${rows.map((row) => `{${row.productIds.join(",")}}`)}::text[], ${rows.map((row) => `{${row.categoryIds.join(",")}}`)}::text[])
      as row (order_id, order_version, user_id, order_dt, product_ids, category_ids)`
  const guests = new Map(rows.flatMap(({ guestId, userId }) => (userId === null ? [] : [[userId, guestId] as const])))
  yield* sql`
    insert into shadow_guests select * from unnest(${[...guests.keys()]}::uuid[], ${[...guests.values()]}::text[])
    on conflict do nothing`
})

const addStg = Effect.fnUntraced(function* (beginStep: BeginRebuildStep) {
  const onOrders = yield* beginStep("orders of STG", yield* countRows(fromStored))
  let names: ShadowNames = { products: [], categories: [] }
  yield* forEachPage<StoredRow, SqlError, SqlClient.SqlClient>(storedOrders, (rows) =>
    Effect.gen(function* () {
      // What cannot be read stays as the vault or the ledger has it; `metka verify` names it.
      const orders = rows.flatMap((row) => Result.getOrElse(readStored(row), () => undefined) ?? [])
      yield* addOrders(orders)
      const brought = broughtNames(orders)
      names = {
        products: newestNames([...names.products, ...brought.products]),
        categories: newestNames([...names.categories, ...brought.categories])
      }
      yield* onOrders(rows.length)
    })
  )
  return names
})

/** The live row of each order of the shadow, looked up by its key: a join goes through files as big as the ledger. */
export const besideLedger =
  "left join lateral (select * from cdm.order_contributions where order_id = shadow.order_id limit 1) held on true"

const fromVault = "from dds.h_order"

const addOrdersOfVault = `
  insert into shadow_ledger as held
  select order_id, order_version, user_id, order_dt, product_ids, category_ids
  from (${vaultContributions} where hub.h_order_pk = any($1::uuid[])) vault
  where not exists (
    select 1 from shadow_ledger known where known.order_id = vault.order_id and known.order_version >= vault.order_version
    offset 0
  )
  on conflict (order_id) do update set order_version = excluded.order_version, user_id = excluded.user_id,
    order_dt = excluded.order_dt, product_ids = excluded.product_ids, category_ids = excluded.category_ids
  where held.order_version < excluded.order_version`

/** What the vault has of orders that STG does not have, or of older versions of those that wait for a reference. */
const addVault = Effect.fnUntraced(function* (beginStep: BeginRebuildStep) {
  const sql = yield* SqlClient.SqlClient
  const onOrders = yield* beginStep("orders of the vault", yield* countRows(fromVault))
  // In pages, for one who waits: a single statement is silent for minutes.
  yield* forEachPage<{ key: string }, SqlError, SqlClient.SqlClient>(`select h_order_pk as key ${fromVault}`, (rows) =>
    Effect.andThen(sql.unsafe(addOrdersOfVault, [uuids(rows.map(({ key }) => key))]), onOrders(rows.length))
  )
  yield* sql`
    insert into shadow_guests select hub.h_user_pk, hub.user_id from dds.h_user hub
    where hub.h_user_pk in (select user_id from shadow_ledger) on conflict do nothing`
})

/**
 * The vault's names of dishes whose order the ledger does not have in this version, since its message will bring them
 * no more; and of what the marts have no name of. Not of all: the vault also has names of orders that never counted.
 */
const namesOfVault = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const products = yield* sql.unsafe<Name>(`
    select distinct on (h_product_pk) h_product_pk as id, name, restaurant_version as version from dds.s_product_names
    where h_product_pk in (
      select unnest(shadow.product_ids) from shadow_ledger shadow ${besideLedger}
      where held.order_id is null or held.order_version < shadow.order_version
      union all
      (select unnest(product_ids) from shadow_ledger except select product_id from cdm.product_names)
    )
    order by h_product_pk, restaurant_version desc, hk_product_names_hashdiff desc`)
  const categories = yield* sql<{ id: string; name: string }>`
    select h_category_pk as id, category_name as name from dds.h_category
    where h_category_pk in (select unnest(category_ids) from shadow_ledger)
      and h_category_pk not in (select category_id from cdm.category_names)`
  const names: ShadowNames = { products, categories: categories.map((row) => ({ ...row, version: timeless(0) })) }
  return names
})

/** Fills the shadow. Part of the transaction that ends with the switch: the tables are gone when it ends. */
export const fillShadow = Effect.fnUntraced(function* (source: Source, beginStep: BeginRebuildStep) {
  const sql = yield* SqlClient.SqlClient
  yield* makeTables
  const brought = source === "stg" ? yield* addStg(beginStep) : { products: [], categories: [] }
  yield* addVault(beginStep)
  yield* sql`analyze shadow_ledger`
  const vault = yield* namesOfVault
  const names: ShadowNames = {
    products: newestNames([...vault.products, ...brought.products]),
    categories: newestNames([...vault.categories, ...brought.categories])
  }
  return names
})

/** Both kinds of names with their tables. */
export const namesByTable = (names: ShadowNames): ReadonlyArray<readonly [NameTable, ReadonlyArray<Name>]> => [
  [productNames, names.products],
  [categoryNames, names.categories]
]
