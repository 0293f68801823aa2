/** What an order is by the vault now, and what it contributes, in SQL. */

/**
 * The rows of the newest version, beside a row `hub` of `dds.h_order`. Each is looked up by its key, as the limits make
 * sure: the planner does not turn a subquery with a limit into a join, and a join of whole tables goes through files
 * of their size.
 */
export const newestInVault = `
  left join lateral (
    select * from dds.s_order_status where (h_order_pk, version_no) = (hub.h_order_pk, hub.version_no) limit 1
  ) statuses on true
  left join lateral (
    select * from dds.s_order_effectivity where (h_order_pk, version_no) = (hub.h_order_pk, hub.version_no) limit 1
  ) parties on true
  cross join lateral (
    select json_agg(json_build_array(item.hk_order_product_pk, item.h_category_pk, item.price::text, item.quantity::text))::text as items,
      array_agg(distinct link.h_product_pk) filter (where link.h_product_pk is not null) as product_ids,
      array_agg(distinct item.h_category_pk) as category_ids
    from dds.s_order_product item
    left join lateral (
      select h_product_pk from dds.l_order_product where hk_order_product_pk = item.hk_order_product_pk limit 1
    ) link on true
    where (item.h_order_pk, item.version_no) = (hub.h_order_pk, hub.version_no)
  ) dishes
  cross join lateral (
    select case when counts then parties.h_user_pk end as user_id, hub.order_dt,
      case when counts then dishes.product_ids else '{}' end as product_ids,
      case when counts then dishes.category_ids else '{}' end as category_ids
    from (select coalesce(statuses.status = 'CLOSED' and dishes.product_ids is not null, false) as counts) closed
  ) contributed`

/** What the orders of the vault contribute now, in the columns of the ledger. */
export const vaultContributions = `
  select hub.order_id::text collate "C" as order_id, hub.order_version, contributed.*
  from dds.h_order hub ${newestInVault}`
