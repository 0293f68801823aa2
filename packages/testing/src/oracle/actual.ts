/**
 * What a database holds, read with plain SQL by the column names of the contract, in the shape of the oracle's
 * expectation. Every number and time leaves PostgreSQL as text, so that no driver's idea of int8 or numeric matters.
 */
import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { actualVault } from "./actualVault.ts"
import {
  type CategoryCounter,
  compareRows,
  type DeadLetterPosition,
  type MissingReferences,
  type ParkedOrder,
  type ProductCounter,
  type State,
  type StgOrderEvent,
  type UserTag
} from "./State.ts"

/** What a database can tell; the messages of `stg-service-orders` come from Kafka (`actualStgMessages`). */
export type DatabaseState = Omit<State, "stgMessages">

type Reads<A> = Effect.Effect<A, SqlError.SqlError, SqlClient.SqlClient>

const client = Effect.map(SqlClient.SqlClient, (sql) => sql.withoutTransforms())

const stgOrderEvents: Reads<ReadonlyArray<StgOrderEvent>> = Effect.gen(function* () {
  const sql = yield* client
  const rows = yield* sql<{
    readonly object_id: string
    readonly object_type: string
    readonly sent: string
    readonly payload: string
  }>`
    select object_id::text, object_type, to_char(sent_dttm, 'YYYY-MM-DD HH24:MI:SS.US') as sent,
      payload::text as payload
    from stg.order_events order by order_events.object_id`
  return rows.map((row) => ({
    object_id: Number(row.object_id),
    object_type: row.object_type,
    sent_dttm: row.sent,
    payloadText: row.payload
  }))
})

const strings = (value: unknown): ReadonlyArray<string> => (Array.isArray(value) ? value.map(String) : [])

const missingOf = (text: string): MissingReferences => {
  const missing: Partial<Record<string, unknown>> = JSON.parse(text)
  return {
    guests: strings(missing.guests),
    restaurants: strings(missing.restaurants),
    dishes: strings(missing.dishes)
  }
}

const parked: Reads<ReadonlyArray<ParkedOrder>> = Effect.gen(function* () {
  const sql = yield* client
  const rows = yield* sql<{ readonly object_id: string; readonly missing: string }>`
    select object_id::text, missing::text from stg.parked_orders order by parked_orders.object_id`
  return rows.map((row) => ({ object_id: Number(row.object_id), missing: missingOf(row.missing) }))
})

const userProductCounters: Reads<ReadonlyArray<ProductCounter>> = Effect.gen(function* () {
  const sql = yield* client
  const rows = yield* sql<Omit<ProductCounter, "order_cnt"> & { readonly order_cnt: string }>`
    select coalesce(u.user_id, c.user_id::text) as user_id, coalesce(p.product_id, c.product_id::text) as product_id,
      c.product_name, c.order_cnt::text
    from cdm.user_product_counters c
    left join dds.h_user u on u.h_user_pk = c.user_id
    left join dds.h_product p on p.h_product_pk = c.product_id`
  return rows
    .map((row) => ({ ...row, order_cnt: Number(row.order_cnt) }))
    .sort((a, b) => compareRows([a.user_id, a.product_id], [b.user_id, b.product_id]))
})

const userCategoryCounters: Reads<ReadonlyArray<CategoryCounter>> = Effect.gen(function* () {
  const sql = yield* client
  // A category's name is its business key: where the mart's copy of it differs from the hub's, both are shown.
  const rows = yield* sql<{
    readonly user_id: string
    readonly hub_name: string | null
    readonly category_name: string
    readonly order_cnt: string
  }>`
    select coalesce(u.user_id, c.user_id::text) as user_id, k.category_name as hub_name, c.category_name,
      c.order_cnt::text
    from cdm.user_category_counters c
    left join dds.h_user u on u.h_user_pk = c.user_id
    left join dds.h_category k on k.h_category_pk = c.category_id`
  return rows
    .map((row) => ({
      user_id: row.user_id,
      category_name:
        row.hub_name === row.category_name
          ? row.category_name
          : `${row.category_name} (in the hub: ${row.hub_name ?? "absent"})`,
      order_cnt: Number(row.order_cnt)
    }))
    .sort((a, b) => compareRows([a.user_id, a.category_name], [b.user_id, b.category_name]))
})

const userTags: Reads<ReadonlyArray<UserTag>> = Effect.gen(function* () {
  const sql = yield* client
  const rows = yield* sql<Omit<UserTag, "order_cnt"> & { readonly order_cnt: string }>`
    select coalesce(u.user_id, t.user_id::text) as user_id, t.tag,
      coalesce(k.category_name, t.category_id::text) as category_name, t.order_cnt::text
    from cdm.user_tags t
    left join dds.h_user u on u.h_user_pk = t.user_id
    left join dds.h_category k on k.h_category_pk = t.category_id`
  return rows
    .map((row) => ({ ...row, order_cnt: Number(row.order_cnt) }))
    .sort((a, b) => compareRows([a.user_id, a.tag], [b.user_id, b.tag]))
})

const deadLetters: Reads<ReadonlyArray<DeadLetterPosition>> = Effect.gen(function* () {
  const sql = yield* client
  const rows = yield* sql<{ readonly topic: string; readonly partition: string; readonly offset: string }>`
    select topic, partition::text, "offset"::text as "offset" from ops.dead_letters`
  return rows
    .map((row) => ({ topic: row.topic, partition: Number(row.partition), offset: Number(row.offset) }))
    .sort((a, b) => compareRows([a.topic, a.partition, a.offset], [b.topic, b.partition, b.offset]))
})

/**
 * The state of a database in which all schemas are migrated: those of `ops`, `stg`, `dds` and `cdm`. Marts whose UUIDs
 * no hub knows are shown with the UUID, so that they never pass for a match.
 */
export const actualState: Reads<DatabaseState> = Effect.all({
  stgOrderEvents,
  parked,
  vault: actualVault,
  userProductCounters,
  userCategoryCounters,
  userTags,
  deadLetters
})
