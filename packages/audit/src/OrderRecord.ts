/** An order as each stage holds it, side by side, in one row. */
import { texts, uuids } from "@metka/core/arrays"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { newestInVault } from "./newestInVault.ts"

/** Columns are null where a stage does not hold the order. Numbers and times are texts, exactly as PostgreSQL has them. */
export interface OrderRecord {
  readonly order_id: string
  readonly stg_version: string | null
  readonly sent_dttm: string | null
  readonly payload: string | null
  readonly enrichment: string | null
  readonly h_order_pk: string | null
  readonly dds_version: string | null
  readonly version_no: number | null
  readonly order_dt: string | null
  readonly cost: string | null
  readonly payment: string | null
  readonly status: string | null
  readonly h_user_pk: string | null
  readonly h_restaurant_pk: string | null
  /** JSON: `[hk_order_product_pk, h_category_pk, price, quantity]` of the newest version. */
  readonly items: string | null
  readonly cdm_version: string | null
  readonly ledger_user: string | null
  readonly ledger_dt: string | null
  readonly product_ids: string | null
  readonly category_ids: string | null
  /** What the order contributes by the ledger, and by the vault; null where they do not hold the same version, or agree. */
  readonly ledger_row: string | null
  readonly vault_row: string | null
}

/** Under which key each stage holds an order; null where it does not. */
export interface OrderKeys {
  readonly object_id: string | null
  readonly h_order_pk: string | null
  readonly ledger_id: string | null
}

/**
 * Every order that any stage knows. Keys alone: a join of whole tables goes through files as wide as its rows. Sorted,
 * since orders with numbers close together came close together, and so lie in every table.
 */
export const orderKeys = `
  select events.object_id::text as object_id, hub.h_order_pk, ledger.order_id as ledger_id
  from stg.order_events events
  full join dds.h_order hub on hub.order_id = events.object_id
  full join cdm.order_contributions ledger on ledger.order_id = coalesce(events.object_id, hub.order_id)::text
  order by coalesce(events.object_id::text, hub.order_id::text, ledger.order_id) collate "C"`

const micros = "'YYYY-MM-DD HH24:MI:SS.US'"

/** Looks up the orders with these keys: with limits as in `newestInVault`. */
export const orderRecords = Effect.fnUntraced(function* (keys: ReadonlyArray<OrderKeys>) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<OrderRecord>`
    select coalesce(events.object_id::text, hub.order_id::text, ledger.order_id) as order_id,
      events.order_version as stg_version, to_char(events.sent_dttm, ${sql.literal(micros)}) as sent_dttm,
      events.payload::text as payload, events.enrichment::text as enrichment,
      hub.h_order_pk, hub.order_version as dds_version, hub.version_no, to_char(hub.order_dt, ${sql.literal(micros)}) as order_dt,
      costs.cost::text as cost, costs.payment::text as payment, statuses.status,
      parties.h_user_pk, parties.h_restaurant_pk, dishes.items,
      ledger.order_version as cdm_version, ledger.user_id as ledger_user, to_char(ledger.order_dt, ${sql.literal(micros)}) as ledger_dt,
      ledger.product_ids::text as product_ids, ledger.category_ids::text as category_ids,
      case when differ then row(ledger.user_id, ledger.order_dt, ledger.product_ids, ledger.category_ids)::text end as ledger_row,
      case when differ then row(contributed.*)::text end as vault_row
    from unnest(${texts(keys.map((key) => key.object_id))}::bigint[], ${uuids(keys.map((key) => key.h_order_pk))}::uuid[],
      ${texts(keys.map((key) => key.ledger_id))}::text[]) as key (object_id, h_order_pk, ledger_id)
    left join lateral (select * from stg.order_events where object_id = key.object_id limit 1) events on true
    left join lateral (select * from dds.h_order where h_order_pk = key.h_order_pk limit 1) hub on true
    left join lateral (select * from cdm.order_contributions where order_id = key.ledger_id limit 1) ledger on true
    left join lateral (
      select * from dds.s_order_cost where (h_order_pk, version_no) = (hub.h_order_pk, hub.version_no) limit 1
    ) costs on true
    ${sql.literal(newestInVault)}
    cross join lateral (
      select hub.order_version = ledger.order_version
        and (ledger.user_id, ledger.order_dt, ledger.product_ids, ledger.category_ids) is distinct from contributed as differ
    ) compared`
})
