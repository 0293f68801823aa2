/**
 * A year of orders in the marts and, as far as BI reads it, in the vault, by set-based SQL: through the services a
 * million orders would take minutes. The same every time.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

const restaurants = 25
const dishesEach = 20
const categories = 15

/** A number from 0 to 1 that belongs to the order: not random, so that two runs have the same orders. */
const chance = (salt: string): string => `(abs(hashtext('${salt}' || n)) / 2147483648.0)`

const key = (kind: string, number: string): string => `md5('${kind} ' || ${number})::uuid`

const statements = (orders: number): ReadonlyArray<string> => [
  `create temporary table dish as
   select n, n / ${dishesEach} as restaurant, n % ${categories} as category
   from generate_series(0, ${restaurants * dishesEach - 1}) n`,
  `create temporary table placed as
   select n, floor(power(${chance("guest")}, 2) * ${orders / 12.5})::int as guest,
     floor(power(${chance("restaurant")}, 1.5) * ${restaurants})::int as restaurant,
     timestamp '2025-11-24' + ${chance("time")} * interval '365 days' as order_dt,
     ${chance("status")} < 0.93 as is_closed, 1 + (${chance("redelivered")} < 0.02)::int as version_no,
     1 + floor(${chance("dishes")} * 4)::int as dishes
   from generate_series(1, ${orders}) n`,
  `insert into cdm.order_contributions
   select n::text, '2026|' || n, case when is_closed then ${key("guest", "guest")} end, order_dt,
     array(select distinct ${key("dish", "picked")} from unnest(menu) picked where is_closed),
     array(select distinct ${key("category", `picked % ${categories}`)} from unnest(menu) picked where is_closed), now()
   from (
     select *, array(
       select restaurant * ${dishesEach} + abs(hashtext(n || ' ' || choice)) % ${dishesEach} from generate_series(1, dishes) choice
     ) as menu
     from placed
   ) ordered`,
  `insert into cdm.product_names select ${key("dish", "n")}, 'Блюдо ' || n, '2026' from dish`,
  `insert into cdm.category_names select distinct ${key("category", "category")}, 'Категория ' || category, '2026' from dish`,
  `insert into cdm.user_product_counters select user_id, product_id, product_name, count(*)
   from cdm.order_contributions, unnest(product_ids) as product_id join cdm.product_names using (product_id) group by 1, 2, 3`,
  `insert into cdm.user_category_counters select user_id, category_id, category_name, count(*)
   from cdm.order_contributions, unnest(category_ids) as category_id join cdm.category_names using (category_id) group by 1, 2, 3`,
  `insert into cdm.tag_rules (tag, version, category_id, category_name, threshold, active, applied_at)
   select 'Любитель: ' || category_name, 1, category_id, category_name, 5, true, now() from cdm.category_names`,
  `insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
   select user_id, tag, category_id, order_cnt, 1, now()
   from cdm.user_category_counters join cdm.tag_rules using (category_id) where order_cnt > threshold`,
  `insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent, published_at)
   select user_id, tag, category_id, 'given', threshold + 1, 1,
     timestamptz '2025-12-24 00:00+00' + abs(hashtext(user_id || tag)) / 2147483648.0 * interval '335 days', '', now()
   from cdm.user_tags join cdm.tag_rules using (tag, category_id)`,
  `insert into dds.s_restaurant_names
   select distinct ${key("restaurant", "restaurant")}, 'Ресторан ' || restaurant, '2026', ${key("restaurant", "restaurant")}, now(), ''
   from dish`,
  `insert into dds.h_category select distinct ${key("category", "category")}, 'Категория ' || category, now(), '' from dish`,
  `insert into dds.l_product_category
   select ${key("dish", "n")}, ${key("dish", "n")}, ${key("category", "category")}, now(), '' from dish`,
  `insert into dds.h_order select ${key("order", "n")}, n, order_dt, '2026|' || n, version_no, now(), '' from placed`,
  `insert into dds.s_order_cost
   select ${key("order", "n")}, 500 + n % 900, 500 + n % 900, version, ${key("cost", "n")}, now(), ''
   from placed, generate_series(1, version_no) version`,
  `insert into dds.s_order_effectivity
   select ${key("order", "n")}, ${key("guest", "guest")}, ${key("restaurant", "restaurant")}, version, now(), ''
   from placed, generate_series(1, version_no) version`,
  "drop table dish, placed",
  "analyze"
]

/** Fills empty tables of a migrated database. One connection: it makes temporary tables. */
export const insertManyOrders = Effect.fnUntraced(function* (orders: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql.withTransaction(
    Effect.forEach(statements(orders), (statement) => sql.unsafe(statement), { discard: true })
  )
})
