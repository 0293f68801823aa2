import { assert, describe, it } from "@effect/vitest"
import { layer as embeddedDatabase } from "@metka/core/EmbeddedDatabase"
import * as PgliteHere from "@metka/core/PgliteHere"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { actualState } from "../src/oracle/actual.ts"
import { diffState } from "../src/oracle/diffState.ts"
import { finalReferences, messyStream } from "../src/messyStream/messyStream.ts"
import { type ExpectedState, expectedState } from "../src/oracle/expectedState.ts"

/** The columns of the contract that the readers need, and no more. */
const schema = `
create schema stg;
create schema dds;
create schema cdm;
create schema ops;
create table stg.order_events (object_id bigint unique, object_type text, sent_dttm timestamp, payload json);
create table stg.parked_orders (object_id bigint, missing jsonb);
create table ops.dead_letters (topic text, partition integer, "offset" bigint);
create table dds.h_user (h_user_pk uuid primary key, user_id text);
create table dds.h_product (h_product_pk uuid primary key, product_id text);
create table dds.h_category (h_category_pk uuid primary key, category_name text);
create table dds.h_restaurant (h_restaurant_pk uuid primary key, restaurant_id text);
create table dds.h_order (h_order_pk uuid primary key, order_id bigint, order_dt timestamp, version_no integer);
create table dds.l_order_product (hk_order_product_pk uuid, h_order_pk uuid, h_product_pk uuid);
create table dds.l_order_user (h_order_pk uuid, h_user_pk uuid);
create table dds.l_product_category (h_product_pk uuid, h_category_pk uuid);
create table dds.l_product_restaurant (h_product_pk uuid, h_restaurant_pk uuid);
create table dds.s_user_names (h_user_pk uuid, username text, userlogin text, user_version text,
  hk_user_names_hashdiff uuid);
create table dds.s_product_names (h_product_pk uuid, name text, restaurant_version text,
  hk_product_names_hashdiff uuid);
create table dds.s_restaurant_names (h_restaurant_pk uuid, name text, restaurant_version text,
  hk_restaurant_names_hashdiff uuid);
create table dds.s_order_cost (h_order_pk uuid, cost numeric(19, 5), payment numeric(19, 5), version_no integer);
create table dds.s_order_status (h_order_pk uuid, status text, version_no integer);
create table dds.s_order_effectivity (h_order_pk uuid, h_user_pk uuid, h_restaurant_pk uuid, version_no integer);
create table dds.s_order_product (hk_order_product_pk uuid, h_order_pk uuid, h_category_pk uuid, price numeric,
  quantity numeric, version_no integer);
create table cdm.user_product_counters (user_id uuid, product_id uuid, product_name text, order_cnt integer);
create table cdm.user_category_counters (user_id uuid, category_id uuid, category_name text, order_cnt integer);
create table cdm.user_tags (user_id uuid, tag text, category_id uuid, order_cnt integer);
create function pk(kind text, key text) returns uuid language sql immutable as $$ select md5(kind || key)::uuid $$;
`

/** Fills the tables from rows of JSON; order attributes as version 2, beside a version 1 that no longer counts. */
const fill: Readonly<Record<string, string>> = {
  users: `insert into dds.h_user select pk('u', r->>0), r->>0 from rows`,
  products: `insert into dds.h_product select pk('p', r->>0), r->>0 from rows`,
  categories: `insert into dds.h_category select pk('c', r->>0), r->>0 from rows`,
  restaurants: `insert into dds.h_restaurant select pk('r', r->>0), r->>0 from rows`,
  orders: `insert into dds.h_order select pk('o', r->>0), (r->>0)::bigint, (r->>1)::timestamp, 2 from rows`,
  orderProduct: `insert into dds.l_order_product
    select pk('op', (r->>0) || (r->>1)), pk('o', r->>0), pk('p', r->>1) from rows`,
  orderUser: `insert into dds.l_order_user select pk('o', r->>0), pk('u', r->>1) from rows`,
  productCategory: `insert into dds.l_product_category select pk('p', r->>0), pk('c', r->>1) from rows`,
  productRestaurant: `insert into dds.l_product_restaurant select pk('p', r->>0), pk('r', r->>1) from rows`,
  userNames: `insert into dds.s_user_names
    select pk('u', r->>0), case v when '2' then r->>1 else 'old' end, r->>2, v, pk('h', '') from rows, versions`,
  productNames: `insert into dds.s_product_names
    select pk('p', r->>0), case v when '2' then r->>1 else 'old' end, v, pk('h', '') from rows, versions`,
  restaurantNames: `insert into dds.s_restaurant_names
    select pk('r', r->>0), case v when '2' then r->>1 else 'old' end, v, pk('h', '') from rows, versions`,
  orderCost: `insert into dds.s_order_cost
    select pk('o', r->>0), case v when '2' then (r->>1)::numeric else 0.5 end, (r->>2)::numeric, v::integer
    from rows, versions`,
  orderStatus: `insert into dds.s_order_status
    select pk('o', r->>0), case v when '2' then r->>1 else 'old' end, v::integer from rows, versions`,
  orderParties: `insert into dds.s_order_effectivity
    select pk('o', r->>0), pk('u', r->>1), pk('r', case v when '2' then r->>2 else 'old' end), v::integer
    from rows, versions`,
  orderDishes: `insert into dds.s_order_product
    select pk('op', (r->>0) || (r->>1)), pk('o', r->>0), pk('c', case v when '2' then r->>2 else 'old' end), 0, 0,
      v::integer from rows, versions`,
  orderDishLines: `update dds.s_order_product set price = (r->>2)::numeric, quantity = (r->>3)::numeric from rows
    where hk_order_product_pk = pk('op', (r->>0) || (r->>1))`,
  stgOrderEvents: `insert into stg.order_events select (r->>'object_id')::bigint, r->>'object_type',
    (r->>'sent_dttm')::timestamp, (r->>'payloadText')::json from rows`,
  parked: `insert into stg.parked_orders select (r->>'object_id')::bigint, r->'missing' from rows`,
  deadLetters: `insert into ops.dead_letters
    select r->>'topic', (r->>'partition')::integer, (r->>'offset')::bigint from rows`,
  userProductCounters: `insert into cdm.user_product_counters select pk('u', r->>'user_id'), pk('p', r->>'product_id'),
    r->>'product_name', (r->>'order_cnt')::integer from rows`,
  userCategoryCounters: `insert into cdm.user_category_counters select pk('u', r->>'user_id'),
    pk('c', r->>'category_name'), r->>'category_name', (r->>'order_cnt')::integer from rows`,
  userTags: `insert into cdm.user_tags select pk('u', r->>'user_id'), r->>'tag', pk('c', r->>'category_name'),
    (r->>'order_cnt')::integer from rows`
}

const write = (state: ExpectedState) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    for (const statement of schema.split(";\n")) if (statement.trim() !== "") yield* sql.unsafe(statement)
    const tables: Readonly<Record<string, unknown>> = { ...state, ...state.vault }
    for (const [table, statement] of Object.entries(fill)) {
      assert.isDefined(tables[table], table)
      yield* sql.unsafe(
        `with rows as (select r from jsonb_array_elements($1::jsonb) r), versions (v) as (values ('1'), ('2'))
        ${statement}`,
        [JSON.stringify(tables[table])]
      )
    }
  })

const stream = messyStream(9, 150)

const expected = expectedState({
  deliveries: stream.deliveries.map(({ value }, offset) => ({
    topic: "orders",
    partition: offset % 3,
    offset,
    timestamp: 0,
    key: null,
    value
  })),
  references: finalReferences(stream),
  rules: stream.rules
})

const harms: ReadonlyArray<readonly [string, RegExp]> = [
  [`update stg.order_events set payload = (payload::text || ' ')::json`, /^stg.order_events: object_id=/],
  [
    `update stg.order_events set sent_dttm = sent_dttm + interval '1 microsecond'`,
    /^stg.order_events: .* sent_dttm is/
  ],
  [`update stg.parked_orders set missing = '{}'`, /^stg.parked_orders: object_id=/],
  [`update ops.dead_letters set "offset" = "offset" + 100000`, /^dead letters: /],
  [`update dds.s_order_status set status = 'old'`, /^dds orderStatus: order_id=\d+: status is "old", expected /],
  [`update dds.s_order_cost set cost = cost + 0.01`, /^dds orderCost: order_id=\d+: cost is/],
  [`update dds.s_order_effectivity set version_no = 3 - version_no`, /^dds orderParties: .* restaurant_id is/],
  [`update dds.h_order set version_no = 1`, /^dds orderDishes: /],
  [`update dds.h_order set order_dt = order_dt + interval '1 microsecond'`, /^dds orders: order_id=\d+: order_dt is/],
  [`update dds.s_order_product set quantity = quantity + 1`, /^dds orderDishLines: .* quantity is/],
  [`update dds.s_user_names set user_version = '0' where user_version = '2'`, /^dds userNames: .* username is "old"/],
  [`delete from dds.h_user`, /^dds orderUser: unexpected order_id=/],
  [`delete from dds.l_order_user`, /^dds orderUser: missing order_id=/],
  [`update cdm.user_category_counters set order_cnt = order_cnt + 1`, /^cdm.user_category_counters: .* order_cnt is/],
  [`update cdm.user_category_counters set category_id = pk('c', 'x')`, /in the hub: absent/],
  [`update cdm.user_product_counters set user_id = pk('u', 'x')`, /^cdm.user_product_counters: missing user_id=/],
  [`insert into cdm.user_product_counters select * from cdm.user_product_counters`, /2 times/],
  [`delete from cdm.user_tags`, /^cdm.user_tags: missing user_id=/]
]

describe("What a database holds", () => {
  it.live(
    "is read without a difference, and every harm done to it is seen",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* write(expected)
        assert.deepStrictEqual(diffState(expected, yield* actualState), [])
        for (const [harm, seen] of harms) {
          const harmed = sql.withTransaction(
            Effect.gen(function* () {
              yield* sql.unsafe(harm)
              return yield* Effect.fail(diffState(expected, yield* actualState, 1000))
            })
          )
          // The failure is what rolls the harm back.
          const lines = yield* Effect.flip(harmed)
          assert.isTrue(Array.isArray(lines) && lines.some((line) => seen.test(line)), `${harm}: ${String(lines)}`)
        }
        assert.deepStrictEqual(diffState(expected, yield* actualState), [])
      }).pipe(Effect.provide(embeddedDatabase(PgliteHere.open))),
    60_000
  )
})
