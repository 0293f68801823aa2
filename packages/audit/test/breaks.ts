/** Ways to break a database, one at a time: a statement that gives back the order it was about, and what must be found. */
import type { CheckName, Remedy } from "../src/Difference.ts"

export interface Break {
  readonly name: string
  /** Returns `object_id`: of each order that may be named, null where none has anything to do with it. */
  readonly sql: string
  readonly check: CheckName
  readonly table: string
  readonly remedy: Remedy
}

/** An order of three dishes or more, CLOSED, of several versions, that STG, vault and ledger hold. */
const order = `(select events.object_id from stg.order_events events
  join dds.h_order hub on hub.order_id = events.object_id and hub.order_version = events.order_version
  join cdm.order_contributions ledger on ledger.order_id = events.object_id::text
  where cardinality(ledger.product_ids) > 2 and hub.version_no > 1 order by events.object_id limit 1)`
const orderPk = `(select h_order_pk from dds.h_order where order_id = ${order})`
const userPk = `(select user_id from cdm.order_contributions where order_id = ${order}::text)`
const productPk = `(select product_ids[1] from cdm.order_contributions where order_id = ${order}::text)`
/** Each of them asks for the dish's name. */
const ordersOfProduct = `(select string_agg(order_id, ' or ') from cdm.order_contributions where ${productPk} = any(product_ids))`
const newest = `(select version_no from dds.h_order where order_id = ${order})`
const elsewhere = "'00000000-0000-5000-8000-000000000000'::uuid"

/** The orders behind the counter or tag of a guest and a category. */
const countsIn = (mart: string, id: string, column: string): string =>
  `(select array_to_string((array_agg(order_id order by order_id))[1:5], ', ') from cdm.order_contributions ledger
    where ledger.user_id = ${mart}.user_id and ${mart}.${id} = any(ledger.${column}))`

const category = "cdm.user_category_counters"
const product = "cdm.user_product_counters"
const inCategory = `${countsIn("mart", "category_id", "category_ids")} as object_id`
const windowed = "(select * from cdm.tag_rules where active and window_days is not null) rule"
const inProduct = `${countsIn("mart", "product_id", "product_ids")} as object_id`

/** What `metka rebuild` mends. */
export const martBreaks: ReadonlyArray<Break> = [
  {
    name: "a counter of a category is one too high",
    sql: `update ${category} mart set order_cnt = order_cnt + 1
      where ctid = (select ctid from ${category} order by user_id, category_id limit 1) returning ${inCategory}`,
    check: "counters",
    table: category,
    remedy: "rebuild"
  },
  {
    name: "a counter of a dish is gone",
    sql: `delete from ${product} mart where ctid = (select ctid from ${product} order by user_id, product_id limit 1)
      returning ${inProduct}`,
    check: "counters",
    table: product,
    remedy: "rebuild"
  },
  {
    name: "a counter stands that no order supports",
    sql: `insert into ${category} select ${elsewhere}, category_id, category_name, 1 from cdm.category_names limit 1
      returning null as object_id`,
    check: "counters",
    table: category,
    remedy: "rebuild"
  },
  {
    name: "a guest lacks a tag",
    sql: `delete from cdm.user_tags mart where ctid = (select ctid from cdm.user_tags order by user_id, tag limit 1)
      returning ${inCategory}`,
    check: "tags",
    table: "cdm.user_tags",
    remedy: "rebuild"
  },
  {
    name: "a guest has a tag that no counter earned",
    sql: `insert into cdm.user_tags as mart (user_id, tag, category_id, order_cnt, rule_version, given_at)
      select user_id, tag, rule.category_id, 99, rule.version, now() from cdm.tag_rules rule
      join cdm.user_category_counters counter using (category_id)
      where active and order_cnt <= threshold order by user_id, tag limit 1 returning ${inCategory}`,
    check: "tags",
    table: "cdm.user_tags",
    remedy: "rebuild"
  },
  {
    name: "a tag shows another count than the counter",
    sql: `update cdm.user_tags mart set order_cnt = order_cnt + 1
      where ctid = (select ctid from cdm.user_tags order by user_id, tag limit 1) returning ${inCategory}`,
    check: "tags",
    table: "cdm.user_tags",
    remedy: "rebuild"
  },
  {
    name: "a guest lacks a tag of a rule with a window",
    sql: `delete from cdm.user_tags mart where ctid = (
        select held.ctid from cdm.user_tags held join ${windowed} using (tag) order by user_id, tag limit 1)
      returning ${inCategory}`,
    check: "tags",
    table: "cdm.user_tags",
    remedy: "rebuild"
  },
  {
    name: "a guest kept a tag although the window has moved on",
    sql: `insert into cdm.user_tags as mart (user_id, tag, category_id, order_cnt, rule_version, given_at)
      select user_id, tag, rule.category_id, order_cnt, rule.version, now() from ${windowed}
      join cdm.user_category_counters counter using (category_id)
      where order_cnt > threshold and (user_id, tag) not in (select user_id, tag from cdm.user_tags)
      order by user_id desc, tag limit 1 returning ${inCategory}`,
    check: "tags",
    table: "cdm.user_tags",
    remedy: "rebuild"
  },
  {
    name: "a tag of a rule with a window shows the counter",
    sql: `update cdm.user_tags mart set order_cnt = counter.order_cnt
      from ${windowed} join cdm.user_category_counters counter using (category_id)
      where mart.tag = rule.tag and mart.user_id = counter.user_id and mart.order_cnt < counter.order_cnt
      returning ${inCategory}`,
    check: "tags",
    table: "cdm.user_tags",
    remedy: "rebuild"
  },
  {
    name: "the history lacks the last giving of a tag",
    sql: `delete from cdm.user_tag_history mart where event_id =
        (select max(event_id) from cdm.user_tag_history join cdm.user_tags using (user_id, tag)) returning ${inCategory}`,
    check: "history",
    table: "cdm.user_tag_history",
    remedy: "rebuild"
  },
  {
    name: "the ledger counts an order for another guest",
    sql: `update cdm.order_contributions set user_id = ${elsewhere} where order_id = ${order}::text returning order_id as object_id`,
    check: "ledgerOfStg",
    table: "cdm.order_contributions",
    remedy: "rebuild"
  },
  {
    name: "the ledger lacks a dish of an order",
    sql: `update cdm.order_contributions set product_ids = product_ids[2:] where order_id = ${order}::text returning order_id as object_id`,
    check: "ledgerOfVault",
    table: "cdm.order_contributions",
    remedy: "rebuild"
  },
  {
    name: "the ledger has another date of an order",
    sql: `update cdm.order_contributions set order_dt = order_dt + interval '1 day' where order_id = ${order}::text
      returning order_id as object_id`,
    check: "ledgerOfStg",
    table: "cdm.order_contributions",
    remedy: "rebuild"
  },
  {
    name: "the ledger lacks an order, and nothing is on its way",
    sql: `delete from cdm.order_contributions where order_id = ${order}::text returning order_id as object_id`,
    check: "versions",
    table: "cdm.order_contributions",
    remedy: "rebuild"
  },
  {
    name: "the ledger lacks the row of an order that contributes nothing",
    sql: `delete from cdm.order_contributions where order_id =
        (select min(ledger.order_id) from cdm.order_contributions ledger join dds.h_order hub on hub.order_id::text = ledger.order_id
         where user_id is null)
      returning order_id as object_id`,
    check: "versions",
    table: "cdm.order_contributions",
    remedy: "rebuild"
  },
  {
    name: "the marts kept an old name of a dish",
    sql: `update cdm.product_names set product_name = 'old', name_version = '!' where product_id = ${productPk}
      returning ${ordersOfProduct} as object_id`,
    check: "names",
    table: "cdm.product_names",
    remedy: "rebuild"
  },
  {
    name: "the marts have a name of a dish that no reference gave",
    sql: `update cdm.product_names set product_name = 'nobody''s ' || product_id where product_id = ${productPk}
      returning ${ordersOfProduct} as object_id`,
    check: "names",
    table: "cdm.product_names",
    remedy: "rebuild"
  },
  {
    name: "a counter shows another name than its dish has",
    sql: `update ${product} mart set product_name = 'old'
      where ctid = (select ctid from ${product} order by user_id, product_id limit 1) returning ${inProduct}`,
    check: "names",
    table: product,
    remedy: "rebuild"
  },
  {
    name: "the app's id of a guest is another's",
    sql: `update cdm.guests set guest_id = 'another' where user_id = ${userPk}
      returning (select min(order_id) from cdm.order_contributions ledger where ledger.user_id = guests.user_id) as object_id`,
    check: "guests",
    table: "cdm.guests",
    remedy: "rebuild"
  }
]

/** What is out of reach of `metka rebuild`. */
export const sourceBreaks: ReadonlyArray<Break> = [
  {
    name: "the vault lacks the status of an order",
    sql: `delete from dds.s_order_status where h_order_pk = ${orderPk} and version_no = ${newest} returning ${order}::text as object_id`,
    check: "orders",
    table: "dds.s_order_status",
    remedy: "retake"
  },
  {
    name: "the vault lacks the cost of an older version",
    sql: `delete from dds.s_order_cost where h_order_pk = ${orderPk} and version_no = 1 returning ${order}::text as object_id`,
    check: "vault",
    table: "dds.s_order_cost",
    remedy: "retake"
  },
  {
    name: "the vault has another price of a dish",
    sql: `update dds.s_order_product set price = price + 1 where h_order_pk = ${orderPk} and version_no = ${newest}
      returning ${order}::text as object_id`,
    check: "orders",
    table: "dds.s_order_product",
    remedy: "retake"
  },
  {
    name: "the vault has another guest of an order",
    sql: `update dds.s_order_effectivity set h_user_pk = ${elsewhere} where h_order_pk = ${orderPk} and version_no = ${newest}
      returning ${order}::text as object_id`,
    check: "orders",
    table: "dds.s_order_effectivity",
    remedy: "retake"
  },
  {
    name: "the vault lacks a dish of an order",
    sql: `delete from dds.s_order_product where h_order_pk = ${orderPk} and version_no = ${newest} and hk_order_product_pk =
        (select min(hk_order_product_pk::text)::uuid from dds.s_order_product where h_order_pk = ${orderPk} and version_no = ${newest})
      returning ${order}::text as object_id`,
    check: "orders",
    table: "dds.s_order_product",
    remedy: "retake"
  },
  {
    name: "a hashdiff is not that of its row",
    sql: `update dds.s_order_cost set hk_order_cost_hashdiff = ${elsewhere} where h_order_pk = ${orderPk} and version_no = ${newest}
      returning ${order}::text as object_id`,
    check: "keys",
    table: "dds.s_order_cost",
    remedy: "retake"
  },
  {
    name: "an order has another date in the vault",
    sql: `update dds.h_order set order_dt = order_dt + interval '1 second' where order_id = ${order} returning order_id::text as object_id`,
    check: "orders",
    table: "dds.h_order",
    remedy: "retake"
  },
  {
    name: "a link from order to dish is missing",
    sql: `delete from dds.l_order_product where hk_order_product_pk =
        (select min(hk_order_product_pk::text)::uuid from dds.s_order_product where h_order_pk = ${orderPk} and version_no = ${newest})
      returning ${order}::text as object_id`,
    check: "vault",
    table: "dds.s_order_product",
    remedy: "retake"
  },
  {
    name: "a link from dish to category is missing",
    sql: `delete from dds.l_product_category where h_product_pk = ${productPk} returning (
        select string_agg(events.object_id::text, ' or ') from stg.order_events events, json_array_elements(events.payload -> 'order_items') item
        join dds.h_product on product_id = item ->> 'id'
        join dds.h_order hub on true
        where h_product_pk = ${productPk} and hub.order_id = events.object_id and hub.order_version = events.order_version) as object_id`,
    check: "things",
    table: "dds.l_product_category",
    remedy: "retake"
  },
  {
    name: "a link stands that no order supports",
    sql: `insert into dds.l_order_user select ${elsewhere}, ${orderPk}, (select max(h_user_pk::text)::uuid from dds.h_user
        where h_user_pk <> all (select h_user_pk from dds.s_order_effectivity where h_order_pk = ${orderPk})), now(), 'test'
      returning ${order}::text as object_id`,
    check: "vault",
    table: "dds.l_order_user",
    remedy: "remove"
  },
  {
    name: "the hub of a guest is missing",
    sql: `delete from dds.h_user where h_user_pk = ${userPk} returning (
        select string_agg(hub.order_id::text, ' or ') from dds.h_order hub join dds.s_order_effectivity parties using (h_order_pk, version_no)
        join stg.order_events events on events.object_id = hub.order_id and events.order_version = hub.order_version
        where parties.h_user_pk = h_user.h_user_pk) as object_id`,
    check: "things",
    table: "dds.h_user",
    remedy: "retake"
  },
  {
    name: "the vault lacks the newest name of a guest",
    sql: `delete from dds.s_user_names where h_user_pk = ${userPk} returning (
        select string_agg(hub.order_id::text, ' or ') from dds.h_order hub join dds.s_order_effectivity parties using (h_order_pk, version_no)
        join stg.order_events events on events.object_id = hub.order_id and events.order_version = hub.order_version
        where parties.h_user_pk = s_user_names.h_user_pk) as object_id`,
    check: "things",
    table: "dds.s_user_names",
    remedy: "retake"
  },
  {
    name: "the vault holds an older version than STG, and nothing is on its way",
    sql: `update dds.h_order set order_version = '!' || order_version where order_id = ${order} returning order_id::text as object_id`,
    check: "versions",
    table: "dds.h_order",
    remedy: "republish"
  },
  {
    name: "the vault does not have the order",
    sql: `delete from dds.h_order where order_id = ${order} returning order_id::text as object_id`,
    check: "versions",
    table: "dds.h_order",
    remedy: "republish"
  },
  {
    name: "the ledger holds a newer version than anything before it",
    sql: `update cdm.order_contributions set order_version = '9' || order_version where order_id = ${order}::text
      returning order_id as object_id`,
    check: "versions",
    table: "cdm.order_contributions",
    remedy: "removeLedger"
  },
  {
    name: "a parked order does not wait any more",
    sql: `delete from stg.parked_orders where object_id = (select min(object_id) from stg.parked_orders)
      returning object_id::text as object_id`,
    check: "parked",
    table: "stg.parked_orders",
    remedy: "wait"
  },
  {
    name: "another version than the newest waits",
    sql: `update stg.parked_orders set order_version = '9' where object_id = (select min(object_id) from stg.parked_orders)
      returning object_id::text as object_id`,
    check: "parked",
    table: "stg.parked_orders",
    remedy: "wait"
  },
  {
    name: "an enrichment that was sent is lost",
    sql: `update stg.order_events set enrichment = null where object_id = ${order} returning object_id::text as object_id`,
    check: "payloads",
    table: "stg.order_events",
    remedy: "restoreStg"
  },
  {
    name: "a stored order has another update_ts than its version",
    sql: `update stg.order_events set order_version = '2' || substr(order_version, 2, 3) || '9' || substr(order_version, 6)
      where object_id = ${order} returning object_id::text as object_id`,
    check: "payloads",
    table: "stg.order_events",
    remedy: "restoreStg"
  },
  {
    name: "a stored payload cannot be read",
    sql: `update stg.order_events set payload = '{}' where object_id = ${order} returning object_id::text as object_id`,
    check: "payloads",
    table: "stg.order_events",
    remedy: "restoreStg"
  }
]
