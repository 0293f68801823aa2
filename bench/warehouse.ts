/**
 * What a warehouse says now, table by table, by business keys: the services and the one load in SQL derive their
 * surrogate keys differently. Superseded versions are left out, since the load passes them over. Joins to hubs are
 * outer joins: a row whose hub is missing shows as a difference.
 */

const line = (...values: ReadonlyArray<string>): string => `select concat_ws(' · ', ${values.join(", ")}) as line`
const hub = (name: string, key: string): string =>
  `left join dds.h_${name} "${name}" on "${name}".h_${name}_pk = ${key}`
const presentOrder = "join dds.h_order placed using (h_order_pk, version_no)"
const inLedger = (id: string, ids: string): string =>
  `where exists (select 1 from (select distinct unnest(${ids}) as id from cdm.order_contributions) as counted where id = ${id})`

/** A query for each table: a row of it a line. */
export const warehouseTables: Readonly<Record<string, string>> = {
  "stg.order_events": `${line("object_id", "object_type", "sent_dttm", "order_version", "md5(payload::text)", "enrichment::jsonb")}
    from stg.order_events`,

  "dds.h_order": `${line("order_id", "order_dt", "order_version")} from dds.h_order`,
  "dds.h_user": `${line("user_id")} from dds.h_user`,
  "dds.h_product": `${line("product_id")} from dds.h_product`,
  "dds.h_category": `${line("category_name")} from dds.h_category`,
  "dds.h_restaurant": `${line("restaurant_id")} from dds.h_restaurant`,

  "dds.l_order_user": `${line("order_id", "user_id")}
    from dds.l_order_user link ${hub("order", "link.h_order_pk")} ${hub("user", "link.h_user_pk")}`,
  "dds.l_order_product": `${line("order_id", "product_id")}
    from dds.l_order_product link ${hub("order", "link.h_order_pk")} ${hub("product", "link.h_product_pk")}`,
  "dds.l_product_category": `${line("product_id", "category_name")}
    from dds.l_product_category link ${hub("product", "link.h_product_pk")} ${hub("category", "link.h_category_pk")}`,
  "dds.l_product_restaurant": `${line("product_id", "restaurant_id")}
    from dds.l_product_restaurant link ${hub("product", "link.h_product_pk")} ${hub("restaurant", "link.h_restaurant_pk")}`,

  "dds.s_user_names": `${line("user_id", "username", "userlogin", "user_version")}
    from dds.s_user_names named ${hub("user", "named.h_user_pk")}`,
  "dds.s_product_names": `${line("product_id", "name", "restaurant_version")}
    from dds.s_product_names named ${hub("product", "named.h_product_pk")}`,
  "dds.s_restaurant_names": `${line("restaurant_id", "name", "restaurant_version")}
    from dds.s_restaurant_names named ${hub("restaurant", "named.h_restaurant_pk")}`,
  "dds.s_order_cost": `${line("order_id", "trim_scale(cost)", "trim_scale(payment)")} from dds.s_order_cost ${presentOrder}`,
  "dds.s_order_status": `${line("order_id", "status")} from dds.s_order_status ${presentOrder}`,
  "dds.s_order_effectivity": `${line("order_id", "user_id", "restaurant_id")}
    from dds.s_order_effectivity whose ${presentOrder} ${hub("user", "whose.h_user_pk")} ${hub("restaurant", "whose.h_restaurant_pk")}`,
  "dds.s_order_product": `${line("order_id", "product_id", "category_name", "trim_scale(price)", "trim_scale(quantity)")}
    from dds.s_order_product item ${presentOrder}
    left join dds.l_order_product link using (hk_order_product_pk)
    ${hub("product", "link.h_product_pk")} ${hub("category", "item.h_category_pk")}`,

  "cdm.order_contributions": `${line(
    "order_id",
    "order_version",
    `"user".user_id`,
    "order_dt",
    `(select string_agg(product.product_id, ',' order by product.product_id) from unnest(product_ids) as id ${hub("product", "id")})`,
    `(select string_agg(category.category_name, ',' order by category.category_name) from unnest(category_ids) as id ${hub("category", "id")})`
  )} from cdm.order_contributions ledger ${hub("user", "ledger.user_id")}`,
  "cdm.guests": `${line("guest_id", `"user".user_id`)}
    from cdm.guests guest ${hub("user", "guest.user_id")}
    where guest.user_id in (select user_id from cdm.order_contributions)`,
  "cdm.product_names": `${line("product.product_id", "product_name", "name_version")}
    from cdm.product_names named ${hub("product", "named.product_id")} ${inLedger("named.product_id", "product_ids")}`,
  "cdm.category_names": `${line("category.category_name", "named.category_name")}
    from cdm.category_names named ${hub("category", "named.category_id")} ${inLedger("named.category_id", "category_ids")}`,
  "cdm.user_product_counters": `${line(`"user".user_id`, "product.product_id", "product_name", "order_cnt")}
    from cdm.user_product_counters counter ${hub("user", "counter.user_id")} ${hub("product", "counter.product_id")}`,
  "cdm.user_category_counters": `${line(`"user".user_id`, "category.category_name", "counter.category_name", "order_cnt")}
    from cdm.user_category_counters counter ${hub("user", "counter.user_id")} ${hub("category", "counter.category_id")}`,
  "cdm.tag_rules": `${line("tag", "version", "category.category_name", "rule.category_name", "threshold", "window_days", "exit_threshold", "active")}
    from cdm.tag_rules rule ${hub("category", "rule.category_id")}`,
  "cdm.user_tags": `${line(`"user".user_id`, "tag", "category.category_name", "order_cnt", "rule_version")}
    from cdm.user_tags held ${hub("user", "held.user_id")} ${hub("category", "held.category_id")}`,
  // A tag that was given and taken again has left two rows that the load never wrote.
  "cdm.user_tag_history": `${line(`"user".user_id`, "tag", "count(*) filter (where action = 'given') - count(*) filter (where action = 'taken')")}
    from cdm.user_tag_history event ${hub("user", "event.user_id")}
    group by "user".user_id, event.user_id, tag
    having count(*) filter (where action = 'given') <> count(*) filter (where action = 'taken')`
}

/** The marts of two runs of CDM over the same messages, by surrogate keys: a vault need not be there. */
export const martTables: Readonly<Record<string, string>> = {
  "cdm.order_contributions": `${line("order_id", "order_version", "user_id", "order_dt", "product_ids", "category_ids")}
    from cdm.order_contributions`,
  "cdm.user_product_counters": `${line("user_id", "product_id", "product_name", "order_cnt")} from cdm.user_product_counters`,
  "cdm.user_category_counters": `${line("user_id", "category_id", "category_name", "order_cnt")} from cdm.user_category_counters`,
  "cdm.user_tags": `${line("user_id", "tag", "category_id", "order_cnt", "rule_version")} from cdm.user_tags`
}

/** What is never so: counters are the sums of the ledger, tags are the rules over the counters. A row is a fault. */
export const martFaults: Readonly<Record<string, string>> = {
  "cdm.user_product_counters is not the sum of the ledger": `${line("user_id", "product_id", "ledger.order_cnt", "counter.order_cnt")}
    from (select user_id, unnest(product_ids) as product_id, count(*)::int as order_cnt from cdm.order_contributions group by 1, 2) ledger
    full join cdm.user_product_counters counter using (user_id, product_id)
    where ledger.order_cnt is distinct from counter.order_cnt`,
  "cdm.user_category_counters is not the sum of the ledger": `${line("user_id", "category_id", "ledger.order_cnt", "counter.order_cnt")}
    from (select user_id, unnest(category_ids) as category_id, count(*)::int as order_cnt from cdm.order_contributions group by 1, 2) ledger
    full join cdm.user_category_counters counter using (user_id, category_id)
    where ledger.order_cnt is distinct from counter.order_cnt`,
  "cdm.user_tags is not what the rules give": `${line("user_id", "tag", "ruled.order_cnt", "held.order_cnt")}
    from (select user_id, tag, order_cnt from cdm.user_category_counters join cdm.tag_rules using (category_id)
      where active and order_cnt > threshold) ruled
    full join cdm.user_tags held using (user_id, tag)
    where ruled.order_cnt is distinct from held.order_cnt`
}
