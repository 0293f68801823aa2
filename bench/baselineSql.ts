/**
 * The same warehouse as one load in SQL: what a good engineer writes who has all messages in a file, needs no second
 * run and no change ever after. Tables are filled first and get their keys and indexes afterwards, what is needed on
 * the way is not logged, and each message is parsed once. The newest version of an order wins.
 *
 * It leaves out what only a warehouse that goes on needs: older versions, effectivity, enrichment kept for later, the
 * ledger, tag history, hashes of messages.
 */

/** Before the clock starts: empty tables to copy into, and settings as for a load. */
export const prepareStatements: ReadonlyArray<string> = [
  "create schema raw",
  "create schema stg",
  "create schema dds",
  "create schema cdm",
  "create unlogged table raw.orders (message text not null)",
  "create unlogged table raw.reference_lines (document text not null)"
]

/** CSV with quotes and delimiters that JSON text cannot hold takes a line as it is. */
export const copyFrom = (table: string, source: string): string =>
  `copy ${table} from ${source} with (format csv, quote e'\\x01', delimiter e'\\x02')`

/** Redis knows guests and menus by key before the services start, so these tables too are there before. */
export const referenceStatements: ReadonlyArray<string> = [
  `create unlogged table raw.users as
   select u._id as user_id, u.name, u.login, md5('h_user|' || u._id)::uuid as h_user_pk
   from raw.reference_lines, json_to_record(document::json) as u (_id text, name text, login text, menu json)
   where u.menu is null`,
  `create unlogged table raw.dishes as
   select r._id as restaurant_id, r.name as restaurant_name, md5('h_restaurant|' || r._id)::uuid as h_restaurant_pk,
     d._id as product_id, d.name as product_name, d.category, md5('h_product|' || d._id)::uuid as h_product_pk,
     md5('h_category|' || d.category)::uuid as h_category_pk
   from raw.reference_lines, json_to_record(document::json) as r (_id text, name text, menu json),
     json_to_recordset(r.menu) as d (_id text, name text, category text)`,
  "alter table raw.users add primary key (user_id)",
  "create index on raw.dishes (product_id)",
  "analyze raw.users",
  "analyze raw.dishes"
]

export const settings: ReadonlyArray<string> = ["set work_mem = '256MB'", "set maintenance_work_mem = '256MB'"]

const loaded = "now() as load_dt, 'order-service_orders'::text as load_src"

const hub = (name: string, columns: string, from: string): ReadonlyArray<string> => [
  `create table dds.h_${name} as select h_${name}_pk, ${columns}, ${loaded} from (${from}) as source`,
  `alter table dds.h_${name} add primary key (h_${name}_pk)`
]

const link = (name: string, first: string, second: string, from: string): ReadonlyArray<string> => [
  `create table dds.l_${name} as
   select md5('l_${name}|' || ${first} || '|' || ${second})::uuid as hk_${name}_pk, ${first}, ${second}, ${loaded}
   from (${from}) as source`,
  `alter table dds.l_${name} add primary key (hk_${name}_pk)`
]

const satellite = (name: string, parent: string, columns: ReadonlyArray<string>, from: string) => [
  `create table dds.s_${name} as
   select ${parent}, ${columns.join(", ")}, md5(${columns.map((column) => `${column}::text`).join(" || '|' || ")})::uuid
     as hk_${name}_hashdiff, ${loaded} from (${from}) as source`,
  `alter table dds.s_${name} add primary key (${parent})`
]

const counter = (table: string, columns: string, group: string, unique: string) => [
  `create table cdm.${table} as
   select h_user_pk as user_id, ${columns}, count(distinct object_id)::integer as order_cnt
   from raw.items where final_status = 'CLOSED' group by h_user_pk, ${group}`,
  `alter table cdm.${table} add unique (${unique})`
]

/** On the clock, in one transaction, after the copy. `$rules` has been filled before. */
export const loadStatements: ReadonlyArray<string> = [
  "analyze raw.orders",
  `create unlogged table raw.newest as
   select distinct on (m.object_id) m.object_id, m.object_type, m.sent_dttm, m.payload, p.date, p.cost, p.payment,
     p.final_status, p.order_items, p."user" ->> 'id' as user_id, p.restaurant ->> 'id' as restaurant_id,
     md5('h_order|' || m.object_id)::uuid as h_order_pk
   from raw.orders,
     json_to_record(message::json) as m (object_id bigint, object_type text, sent_dttm timestamp, payload json),
     json_to_record(m.payload) as p (date timestamp, cost numeric, payment numeric, final_status text,
       update_ts timestamp, order_items json, "user" json, restaurant json)
   order by m.object_id, p.update_ts desc, m.sent_dttm desc, message collate "C" desc`,
  "analyze raw.newest (object_id, user_id, restaurant_id)",
  `create unlogged table raw.items as
   select distinct on (newest.object_id, item.id) newest.object_id, newest.h_order_pk, newest.final_status,
     users.h_user_pk, dishes.h_restaurant_pk, dishes.h_product_pk, dishes.product_id, dishes.product_name,
     dishes.h_category_pk, dishes.category
   from raw.newest
   join raw.users using (user_id),
     json_to_recordset(newest.order_items) as item (id text),
     raw.dishes
   where dishes.product_id = item.id and dishes.restaurant_id = newest.restaurant_id`,
  "analyze raw.items",
  `create table stg.order_events (id bigint generated always as identity, object_id bigint not null,
     object_type text not null, sent_dttm timestamp not null, payload json not null)`,
  `insert into stg.order_events (object_id, object_type, sent_dttm, payload)
   select object_id, object_type, sent_dttm, payload from raw.newest`,
  "alter table stg.order_events add primary key (id), add unique (object_id)",
  ...hub("order", "object_id as order_id, date as order_dt", "select h_order_pk, object_id, date from raw.newest"),
  ...hub(
    "user",
    "user_id",
    "select h_user_pk, user_id from raw.users where user_id in (select user_id from raw.newest)"
  ),
  ...hub(
    "restaurant",
    "restaurant_id",
    "select distinct h_restaurant_pk, restaurant_id from raw.dishes where restaurant_id in (select restaurant_id from raw.newest)"
  ),
  ...hub("product", "product_id", "select distinct h_product_pk, product_id from raw.items"),
  ...hub("category", "category_name", "select distinct h_category_pk, category as category_name from raw.items"),
  ...link(
    "order_user",
    "h_order_pk",
    "h_user_pk",
    "select h_order_pk, h_user_pk from raw.newest join raw.users using (user_id)"
  ),
  ...link("order_product", "h_order_pk", "h_product_pk", "select h_order_pk, h_product_pk from raw.items"),
  ...link(
    "product_category",
    "h_product_pk",
    "h_category_pk",
    "select distinct h_product_pk, h_category_pk from raw.items"
  ),
  ...link(
    "product_restaurant",
    "h_product_pk",
    "h_restaurant_pk",
    "select distinct h_product_pk, h_restaurant_pk from raw.items"
  ),
  ...satellite(
    "user_names",
    "h_user_pk",
    ["username", "userlogin"],
    "select h_user_pk, name as username, login as userlogin from raw.users where user_id in (select user_id from raw.newest)"
  ),
  ...satellite(
    "product_names",
    "h_product_pk",
    ["name"],
    "select distinct h_product_pk, product_name as name from raw.items"
  ),
  ...satellite(
    "restaurant_names",
    "h_restaurant_pk",
    ["name"],
    "select distinct h_restaurant_pk, restaurant_name as name from raw.dishes where restaurant_id in (select restaurant_id from raw.newest)"
  ),
  ...satellite("order_cost", "h_order_pk", ["cost", "payment"], "select h_order_pk, cost, payment from raw.newest"),
  ...satellite("order_status", "h_order_pk", ["status"], "select h_order_pk, final_status as status from raw.newest"),
  ...counter(
    "user_product_counters",
    "h_product_pk as product_id, product_name",
    "h_product_pk, product_name",
    "user_id, product_id"
  ),
  ...counter(
    "user_category_counters",
    "h_category_pk as category_id, category as category_name",
    "h_category_pk, category",
    "user_id, category_id"
  ),
  `create table cdm.user_tags as
   select counter.user_id, rule.tag, counter.category_id, counter.order_cnt, rule.version as rule_version, now() as given_at
   from cdm.user_category_counters counter join cdm.tag_rules rule using (category_name)
   where counter.order_cnt > rule.threshold`,
  "alter table cdm.user_tags add unique (user_id, tag)"
]
