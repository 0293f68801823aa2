/** An order as each stage holds it, side by side, in one row. */

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
}

const micros = "'YYYY-MM-DD HH24:MI:SS.US'"

/** Every order that any stage knows. */
export const orderRecords = `
  with items as materialized (
    select h_order_pk, version_no, json_agg(json_build_array(hk_order_product_pk, h_category_pk, price::text, quantity::text)) as items
    from dds.s_order_product join dds.h_order using (h_order_pk, version_no) group by h_order_pk, version_no
  )
  select coalesce(events.object_id::text, hub.order_id::text, ledger.order_id) as order_id,
    events.order_version as stg_version, to_char(events.sent_dttm, ${micros}) as sent_dttm,
    events.payload::text as payload, events.enrichment::text as enrichment,
    hub.h_order_pk, hub.order_version as dds_version, hub.version_no, to_char(hub.order_dt, ${micros}) as order_dt,
    costs.cost::text as cost, costs.payment::text as payment, statuses.status,
    parties.h_user_pk, parties.h_restaurant_pk, items.items::text as items,
    ledger.order_version as cdm_version, ledger.user_id as ledger_user, to_char(ledger.order_dt, ${micros}) as ledger_dt,
    ledger.product_ids::text as product_ids, ledger.category_ids::text as category_ids
  from stg.order_events events
  full join dds.h_order hub on hub.order_id = events.object_id
  full join cdm.order_contributions ledger on ledger.order_id = coalesce(events.object_id, hub.order_id)::text
  left join dds.s_order_cost costs on costs.h_order_pk = hub.h_order_pk and costs.version_no = hub.version_no
  left join dds.s_order_status statuses on statuses.h_order_pk = hub.h_order_pk and statuses.version_no = hub.version_no
  left join dds.s_order_effectivity parties on parties.h_order_pk = hub.h_order_pk and parties.version_no = hub.version_no
  left join items on items.h_order_pk = hub.h_order_pk and items.version_no = hub.version_no`
