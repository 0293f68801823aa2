/**
 * The same warehouse as one load in SQL, into tables that `npm run migrate` made: the same columns, keys, indexes and
 * durability as the services have. What a good engineer writes who has all messages in a file and needs no second run:
 * each message is parsed once, what is needed on the way is not logged, rows go into each index in its order, and the
 * newest version of an order wins.
 *
 * It has it easier in three things: it never looks whether a row is there already, it passes over superseded versions,
 * and its keys are md5 where the services hash as RFC 9562 says, which PostgreSQL has no function for.
 */

/** Before the clock starts: empty tables to copy into. */
export const prepareStatements: ReadonlyArray<string> = [
  "create schema raw",
  "create unlogged table raw.orders (message text not null)",
  "create unlogged table raw.reference_lines (document text not null)"
]

/** CSV with quotes and delimiters that JSON text cannot hold takes a line as it is. */
export const copyFrom = (table: string, source: string): string =>
  `copy ${table} from ${source} with (format csv, quote e'\\x01', delimiter e'\\x02')`

const key = (...parts: ReadonlyArray<string>): string => `md5(concat_ws('|', ${parts.join(", ")}))::uuid`

/** Redis knows guests and menus by key before the services start, so these tables too are there before. */
export const referenceStatements: ReadonlyArray<string> = [
  `create unlogged table raw.users as
   select _id as user_id, name, login, update_ts_utc as user_version, ${key("'h_user'", "_id")} as h_user_pk,
     json_build_object('name', name, 'login', login, 'version', update_ts_utc)::text as enrichment
   from raw.reference_lines,
     json_to_record(document::json) as u (_id text, name text, login text, update_ts_utc text, menu json)
   where menu is null`,
  `create unlogged table raw.restaurants as
   select _id as restaurant_id, name, update_ts_utc as restaurant_version, menu,
     ${key("'h_restaurant'", "_id")} as h_restaurant_pk,
     json_build_object('name', name, 'version', update_ts_utc)::text as enrichment
   from raw.reference_lines, json_to_record(document::json) as r (_id text, name text, update_ts_utc text, menu json)
   where menu is not null`,
  `create unlogged table raw.dishes as
   select row_number() over () as dish_no, restaurant_id, restaurant_version, h_restaurant_pk, _id as product_id, d.name, category,
     ${key("'h_product'", "_id")} as h_product_pk, ${key("'h_category'", "category")} as h_category_pk,
     json_build_array(_id, d.name, category)::text as enrichment
   from raw.restaurants, json_to_recordset(menu) as d (_id text, name text, category text)`,
  "alter table raw.users add primary key (user_id)",
  "alter table raw.restaurants add primary key (restaurant_id)",
  "alter table raw.dishes add primary key (restaurant_id, product_id)",
  "analyze raw.users",
  "analyze raw.restaurants",
  "analyze raw.dishes"
]

/** A small sample is enough for the right joins. */
export const settings: ReadonlyArray<string> = [
  "set local work_mem = '256MB'",
  "set local default_statistics_target = 10"
]

/** As in `order-version`: `2023-04-01 20:45:43` → `2023-04-01 20:45:43.000000`. */
const fixedWidth = (timestamp: string): string =>
  `left(${timestamp}, 19) || '.' || rpad(substr(${timestamp}, 21, 6), 6, '0')`

const loaded = (source: string): string => `now(), '${source}'`
const fromStg = loaded("stg-service-orders")

/** Each message is parsed once; the newest version of each order stays. */
const newestVersions: ReadonlyArray<string> = [
  "analyze raw.orders",
  `create unlogged table raw.newest as
   select distinct on (object_id) object_id, ${key("'h_order'", "object_id")} as h_order_pk, object_type,
     sent_dttm::timestamp as sent_dttm, payload, date, cost, payment, final_status, order_items,
     "user" ->> 'id' as user_id, restaurant ->> 'id' as restaurant_id,
     concat_ws('|', ${fixedWidth("update_ts")}, ${fixedWidth("sent_dttm")},
       encode(sha256(convert_to(message, 'UTF8')), 'hex')) collate "C" as order_version
   from raw.orders,
     json_to_record(message::json) as m (object_id bigint, object_type text, sent_dttm text, payload json),
     json_to_record(payload) as p (date timestamp, cost numeric, payment numeric, final_status text, update_ts text,
       order_items json, "user" json, restaurant json)
   order by object_id, order_version desc`,
  "analyze raw.newest (object_id, user_id, restaurant_id)"
]

/** A dish that an order names twice is one item: pieces add up, the first price stands. */
const itemsAndOrders: ReadonlyArray<string> = [
  `create unlogged table raw.items as
   select h_order_pk, h_product_pk, h_category_pk, h_restaurant_pk, enrichment, position, price, quantity,
     ${key("'l_order_product'", "h_order_pk", "h_product_pk")} as hk_order_product_pk
   from (
     select object_id, h_order_pk, dish_no, min(position) as position, (array_agg(price order by position))[1] as price,
       sum(quantity) as quantity
     from raw.newest,
       rows from (json_to_recordset(order_items) as (id text, price numeric, quantity numeric))
         with ordinality as item (product_id, price, quantity, position)
     join raw.dishes using (product_id)
     where dishes.restaurant_id = newest.restaurant_id
     group by object_id, h_order_pk, dish_no
   ) as item
   join raw.dishes using (dish_no)`,
  "analyze raw.items",
  `create unlogged table raw.enriched as
   select h_order_pk, string_agg(enrichment, ',' order by position) as dishes,
     array_agg(h_product_pk order by h_product_pk) as product_ids, array_agg(distinct h_category_pk) as category_ids
   from raw.items group by h_order_pk`,
  "analyze raw.enriched"
]

const stg: ReadonlyArray<string> = [
  `insert into stg.order_events (object_id, object_type, sent_dttm, payload, order_version, enrichment, topic, partition,
     "offset", kafka_timestamp, received_at)
   select object_id, object_type, sent_dttm, payload, order_version,
     concat('{"guest":', users.enrichment, ',"restaurant":', restaurants.enrichment, ',"dishes":[', dishes, ']}')::json,
     'order-service_orders', 0, row_number() over (order by object_id), now(), now()
   from raw.newest
   join raw.users using (user_id)
   join raw.restaurants using (restaurant_id)
   left join raw.enriched using (h_order_pk)
   order by object_id`
]

const hubs: ReadonlyArray<string> = [
  `insert into dds.h_order (h_order_pk, order_id, order_dt, order_version, version_no, load_dt, load_src)
   select h_order_pk, object_id, date, order_version, 1, ${fromStg} from raw.newest order by 1`,
  `insert into dds.h_user (h_user_pk, user_id, load_dt, load_src)
   select h_user_pk, user_id, ${fromStg} from raw.users where user_id in (select user_id from raw.newest) order by 1`,
  `insert into dds.h_restaurant (h_restaurant_pk, restaurant_id, load_dt, load_src)
   select h_restaurant_pk, restaurant_id, ${fromStg} from raw.restaurants
   where restaurant_id in (select restaurant_id from raw.newest) order by 1`,
  `create unlogged table raw.ordered as
   select * from raw.dishes where (h_restaurant_pk, h_product_pk) in (select h_restaurant_pk, h_product_pk from raw.items)`,
  `insert into dds.h_product (h_product_pk, product_id, load_dt, load_src)
   select distinct h_product_pk, product_id, ${fromStg} from raw.ordered order by 1`,
  `insert into dds.h_category (h_category_pk, category_name, load_dt, load_src)
   select distinct h_category_pk, category, ${fromStg} from raw.ordered order by 1`
]

const links: ReadonlyArray<string> = [
  `insert into dds.l_order_user (hk_order_user_pk, h_order_pk, h_user_pk, load_dt, load_src)
   select ${key("'l_order_user'", "h_order_pk", "h_user_pk")}, h_order_pk, h_user_pk, ${fromStg}
   from raw.newest join raw.users using (user_id) order by 1`,
  `insert into dds.l_order_product (hk_order_product_pk, h_order_pk, h_product_pk, load_dt, load_src)
   select hk_order_product_pk, h_order_pk, h_product_pk, ${fromStg} from raw.items order by 1`,
  `insert into dds.l_product_category (hk_product_category_pk, h_product_pk, h_category_pk, load_dt, load_src)
   select distinct ${key("'l_product_category'", "h_product_pk", "h_category_pk")}, h_product_pk, h_category_pk, ${fromStg}
   from raw.ordered order by 1`,
  `insert into dds.l_product_restaurant (hk_product_restaurant_pk, h_product_pk, h_restaurant_pk, load_dt, load_src)
   select ${key("'l_product_restaurant'", "h_product_pk", "h_restaurant_pk")}, h_product_pk, h_restaurant_pk, ${fromStg}
   from raw.ordered order by 1`
]

const satellites: ReadonlyArray<string> = [
  `insert into dds.s_user_names (h_user_pk, username, userlogin, user_version, hk_user_names_hashdiff, load_dt, load_src)
   select h_user_pk, name, login, user_version, ${key("'s_user_names'", "name", "login")}, ${fromStg}
   from raw.users where user_id in (select user_id from raw.newest) order by 1`,
  `insert into dds.s_product_names (h_product_pk, name, restaurant_version, hk_product_names_hashdiff, load_dt, load_src)
   select distinct on (h_product_pk) h_product_pk, name, restaurant_version, ${key("'s_product_names'", "name")}, ${fromStg}
   from raw.ordered order by h_product_pk, restaurant_version desc`,
  `insert into dds.s_restaurant_names (h_restaurant_pk, name, restaurant_version, hk_restaurant_names_hashdiff, load_dt, load_src)
   select h_restaurant_pk, name, restaurant_version, ${key("'s_restaurant_names'", "name")}, ${fromStg}
   from raw.restaurants where restaurant_id in (select restaurant_id from raw.newest) order by 1`,
  `insert into dds.s_order_cost (h_order_pk, cost, payment, version_no, hk_order_cost_hashdiff, load_dt, load_src)
   select h_order_pk, cost, payment, 1, ${key("'s_order_cost'", "cost", "payment")}, ${fromStg} from raw.newest order by 1`,
  `insert into dds.s_order_status (h_order_pk, status, version_no, hk_order_status_hashdiff, load_dt, load_src)
   select h_order_pk, final_status, 1, ${key("'s_order_status'", "final_status")}, ${fromStg} from raw.newest order by 1`,
  `insert into dds.s_order_effectivity (h_order_pk, h_user_pk, h_restaurant_pk, version_no, load_dt, load_src)
   select h_order_pk, h_user_pk, h_restaurant_pk, 1, ${fromStg}
   from raw.newest join raw.users using (user_id) join raw.restaurants using (restaurant_id) order by 1`,
  `insert into dds.s_order_product (hk_order_product_pk, h_order_pk, h_category_pk, price, quantity, version_no, load_dt, load_src)
   select hk_order_product_pk, h_order_pk, h_category_pk, price, quantity, 1, ${fromStg} from raw.items order by 2, 1`
]

const marts: ReadonlyArray<string> = [
  `insert into cdm.order_contributions (order_id, order_version, user_id, order_dt, product_ids, category_ids, recorded_at)
   select object_id::text collate "C", order_version, case when counts then h_user_pk end, date,
     case when counts then product_ids else '{}' end, case when counts then category_ids else '{}' end, now()
   from raw.newest
   join raw.users using (user_id)
   left join raw.enriched using (h_order_pk)
   cross join lateral (select final_status = 'CLOSED' and product_ids is not null as counts) as closed
   order by 1`,
  "analyze cdm.order_contributions",
  `create unlogged table raw.counted as
   select distinct h_product_pk, name, h_category_pk, category, restaurant_version from raw.ordered
   where h_product_pk in (select unnest(product_ids) from cdm.order_contributions)`,
  `insert into cdm.product_names (product_id, product_name, name_version)
   select distinct on (h_product_pk) h_product_pk, name, restaurant_version
   from raw.counted order by h_product_pk, restaurant_version desc`,
  `insert into cdm.category_names (category_id, category_name, name_version)
   select distinct on (h_category_pk) h_category_pk, category, restaurant_version
   from raw.counted order by h_category_pk, restaurant_version desc`,
  `insert into cdm.guests (user_id, guest_id)
   select h_user_pk, user_id from raw.users where h_user_pk in (select user_id from cdm.order_contributions) order by 1`,
  `insert into cdm.user_product_counters (user_id, product_id, product_name, order_cnt)
   select user_id, product_id, product_name, order_cnt
   from (select user_id, product_id, count(*)::integer as order_cnt
     from cdm.order_contributions, unnest(product_ids) as product_id group by 1, 2) as counter
   join cdm.product_names using (product_id) order by 1, 2`,
  `insert into cdm.user_category_counters (user_id, category_id, category_name, order_cnt)
   select user_id, category_id, category_name, order_cnt
   from (select user_id, category_id, count(*)::integer as order_cnt
     from cdm.order_contributions, unnest(category_ids) as category_id group by 1, 2) as counter
   join cdm.category_names using (category_id) order by 1, 2`,
  `update cdm.tag_rules rule set category_id = named.category_id
   from cdm.category_names named where named.category_name = rule.category_name`,
  `insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
   select user_id, tag, category_id, order_cnt, version, now()
   from cdm.user_category_counters join cdm.tag_rules using (category_id)
   where active and order_cnt > threshold order by 1, 2`,
  `insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent, published_at)
   select user_id, tag, category_id, 'given', order_cnt, rule_version, given_at, '', now() from cdm.user_tags`
]

/** On the clock, in one transaction, after the copy. The rules are applied before, as they are for the services. */
export const loadStatements: ReadonlyArray<string> = [
  ...newestVersions,
  ...itemsAndOrders,
  ...stg,
  ...hubs,
  ...links,
  ...satellites,
  ...marts
]
