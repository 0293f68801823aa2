import { assert, describe, layer } from "@effect/vitest"
import { biMigrations, biViews } from "@metka/cdm/BiSchema"
import { refresh } from "@metka/cdm/BiRefresh"
import { migrate } from "@metka/core/Migrations"
import { chartsOfPage } from "@metka/testing/chartsOfPage"
import { clientOf, real } from "@metka/testing/databaseLayers"
import { insertManyOrders } from "@metka/testing/manyOrders"
import { openTransaction, sessionsWaitForLocks } from "@metka/testing/openTransaction"
import { isMissing } from "@metka/testing/realServers"
import { ConfigProvider, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { allMigrations } from "../src/AllMigrations.ts"
import { migrateDatabase } from "../src/Migrate.ts"
import { as, execute, RolesDatabase } from "./rolesDatabase.ts"

const inZone = (zone: string) => ConfigProvider.layer(ConfigProvider.fromUnknown({ BUSINESS_TIME_ZONE: zone }))

/** What is counted by day, as it would be counted from nothing: what a refresh leaves must be the same. */
const countedAnew: Readonly<Record<string, string>> = {
  days: `select placed_at::date as day, extract(isodow from placed_at)::int as weekday, count(*)::int as orders,
    count(distinct user_id)::int as guests from bi.counted_orders group by 1, 2`,
  hours: `select placed_at::date as day, extract(isodow from placed_at)::int as weekday,
    extract(hour from placed_at)::int as hour, count(*)::int as orders, count(distinct user_id)::int as guests
    from bi.counted_orders group by 1, 2, 3`,
  dish_days: `select placed_at::date as day, product_id, product_name as dish, category, count(*)::int as orders,
    count(distinct user_id)::int as guests
    from bi.counted_orders, unnest(product_ids) as product_id join cdm.product_names using (product_id)
    left join (
      select h_product_pk as product_id, category_name as category
      from dds.l_product_category join dds.h_category using (h_category_pk)
    ) its_only_one using (product_id)
    group by 1, 2, 3, 4`,
  category_days: `select placed_at::date as day, category_id, category_name as category, count(*)::int as orders,
    count(distinct user_id)::int as guests
    from bi.counted_orders, unnest(category_ids) as category_id join cdm.category_names using (category_id)
    group by 1, 2, 3`,
  restaurant_days: `select placed_at::date as day, h_restaurant_pk as restaurant_id, name as restaurant,
    count(*)::int as orders, count(distinct user_id)::int as guests, sum(payment) as paid
    from bi.counted_orders join dds.h_order hub on hub.order_id::text = counted_orders.order_id
    join dds.s_order_effectivity using (h_order_pk, version_no) join dds.s_order_cost using (h_order_pk, version_no)
    join dds.s_restaurant_names using (h_restaurant_pk) group by 1, 2, 3`
}

/** Likewise, of guests who come again. */
const againCountedAnew: Readonly<Record<string, string>> = {
  weeks: `select first_day as week, count(*)::int as orders, count(distinct user_id)::int as guests,
      count(distinct user_id) filter (where not exists (
        select from bi.counted_orders earlier
        where earlier.user_id = placed.user_id and earlier.placed_at < first_day))::int as new_guests
    from (
      select user_id, placed_at::date - extract(isodow from placed_at)::int + 1 as first_day from bi.counted_orders
    ) placed group by 1`,
  months: `select first_day as month, count(*)::int as orders, count(distinct user_id)::int as guests,
      count(distinct user_id) filter (where not exists (
        select from bi.counted_orders earlier
        where earlier.user_id = placed.user_id and earlier.placed_at < first_day))::int as new_guests
    from (
      select user_id, to_char(placed_at, 'YYYY-MM-01')::date as first_day from bi.counted_orders
    ) placed group by 1`,
  cohorts: `select to_char(first_at, 'YYYY-MM-01')::date as first_month, to_char(placed_at, 'YYYY-MM-01')::date as month,
      extract(year from age(date_trunc('month', placed_at), date_trunc('month', first_at)))::int * 12
        + extract(month from age(date_trunc('month', placed_at), date_trunc('month', first_at)))::int as months_later,
      count(*)::int as orders, count(distinct user_id)::int as guests
    from bi.counted_orders
    join (select user_id, min(placed_at) as first_at from bi.counted_orders group by 1) firsts using (user_id)
    group by 1, 2, 3`
}

/** Rows that should not be there, and rows that are missing. */
const wrongRows = Effect.fnUntraced(function* (anew: Readonly<Record<string, string>>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Effect.forEach(Object.entries(anew), ([table, query]) =>
    sql.unsafe<{ row: string }>(`
      (select 'surplus ' || held::text as row from (table bi.${table} except ${query}) held)
      union all
      (select 'missing ' || missing::text from (${query} except table bi.${table}) missing)`)
  )
  return rows.flat().map(({ row }) => row)
})

const wrongDays = wrongRows(countedAnew)
const wrong = wrongRows({ ...countedAnew, ...againCountedAnew })

interface Plan {
  readonly "Relation Name"?: string
  readonly Schema?: string
  readonly Plans?: ReadonlyArray<Plan>
}

const relationsOf = (plan: Plan): ReadonlyArray<string> => [
  ...(plan["Relation Name"] === undefined ? [] : [`${plan.Schema}.${plan["Relation Name"]}`]),
  ...(plan.Plans ?? []).flatMap(relationsOf)
]

describe.skipIf(isMissing("postgres"))("The tables of BI", () => {
  layer(RolesDatabase.layer, { excludeTestServices: true, timeout: "1 minute" })("with a year of orders", (it) => {
    const orders = 3_000

    it.effect("are of every order after a refresh", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        yield* Effect.gen(function* () {
          yield* insertManyOrders(orders)
          assert.isTrue(yield* refresh)
          assert.deepStrictEqual(yield* wrong, [])
          const [totals] = yield* execute(`
            select orders = (select count(*) from cdm.order_contributions where user_id is not null)
              and guests = (select count(distinct user_id) from cdm.user_product_counters) as right from bi.totals`)
          assert.deepStrictEqual(totals, { right: true })
          assert.deepStrictEqual(
            yield* execute(`
              select dish from bi.dishes where (orders, guests) is distinct from (
                select (sum(order_cnt)::int, count(*)::int) from cdm.user_product_counters where product_name = dish)
                or abs(share_of_orders * (select orders from bi.totals) - orders) > 0.001
                or abs(share_of_guests * (select guests from bi.totals) - guests) > 0.001`),
            []
          )
        }).pipe(Effect.provide(clientOf(url)))
      })
    )

    it.effect("follow orders that change, move to another day, or count no more, and names", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        yield* Effect.gen(function* () {
          const change = (number: number, what: string) =>
            execute(`update cdm.order_contributions set order_version = order_version || '+', ${what}
              where order_id = (select order_id from cdm.order_contributions where user_id is not null
                order by order_dt limit 1 offset ${number})`)
          yield* change(10, "order_dt = order_dt + interval '40 days'")
          yield* change(20, "user_id = null, product_ids = '{}', category_ids = '{}'")
          yield* change(30, "product_ids = product_ids[1:1], category_ids = category_ids[1:1]")
          // The first day loses its last order.
          yield* execute(`update cdm.order_contributions set order_version = order_version || '+', order_dt = '2030-05-05 10:00'
            where order_dt < (select min(placed_at)::date + 1 from bi.counted_orders) and user_id is not null`)
          yield* execute("update cdm.product_names set product_name = product_name || ' (новое)'")
          assert.isNotEmpty(yield* wrong)
          assert.isTrue(yield* refresh)
          assert.deepStrictEqual(yield* wrong, [])
        }).pipe(Effect.provide(clientOf(url)))
      })
    )

    it.effect("have, after the next refresh, the first order of a new dish and category that comes during one", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        yield* Effect.gen(function* () {
          // A refresh that has its dishes and categories stops here: those of tags come last.
          const tags = yield* openTransaction(execute("lock table cdm.user_tag_history in access exclusive mode"))
          const refreshing = yield* Effect.forkChild(refresh)
          yield* sessionsWaitForLocks(1)
          const [guest, dish, category] = ["guest", "dish", "category"].map((thing) => `md5('new ${thing}')::uuid`)
          yield* execute(`
            with ledger as (
              insert into cdm.order_contributions
              values ('new dish', '2026|new', ${guest}, '2026-03-03 10:00', array[${dish}], array[${category}], now())
            ), dishes as (
              insert into cdm.product_names values (${dish}, 'Окрошка', '2026')
            ), categories as (
              insert into cdm.category_names values (${category}, 'Холодное', '2026')
            ), dish_counters as (
              insert into cdm.user_product_counters values (${guest}, ${dish}, 'Окрошка', 1)
            )
            insert into cdm.user_category_counters values (${guest}, ${category}, 'Холодное', 1)`)
          yield* tags.release
          assert.isTrue(yield* Fiber.join(refreshing))
          assert.isTrue(yield* refresh)
          assert.deepStrictEqual(yield* wrong, [])
        }).pipe(Effect.provide(clientOf(url)))
      })
    )

    it.effect("follow orders that are mended at once, each at the version it had", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        yield* Effect.gen(function* () {
          yield* execute(`
            update cdm.order_contributions set recorded_at = recorded_at + interval '1 day',
              product_ids = product_ids[1:1], category_ids = category_ids[1:1]
            where order_id in (
              select order_id from bi.counted_orders where cardinality(product_ids) > 1 order by placed_at limit 20
            )`)
          assert.isNotEmpty(yield* wrong)
          assert.isTrue(yield* refresh)
          assert.deepStrictEqual(yield* wrong, [])
        }).pipe(Effect.provide(clientOf(url)))
      })
    )

    it.effect("show days and hours of BUSINESS_TIME_ZONE", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        yield* Effect.gen(function* () {
          yield* execute(`insert into cdm.order_contributions
            values ('late', '2027|late', gen_random_uuid(), '2027-01-31 22:30', '{}', '{}', now())`)
          const late = Effect.andThen(
            refresh,
            execute("select day::text as day, hour from bi.hours where day > '2027-01-01' and day < '2027-12-31'")
          )
          assert.deepStrictEqual(yield* late, [{ day: "2027-02-01", hour: 1 }])
          yield* Effect.provide(migrateDatabase, inZone("America/New_York"))
          yield* execute("update bi.settings set months_took = '1 day'")
          yield* execute("select bi.refresh(now(), true)")
          assert.deepStrictEqual(yield* wrong, [])
          assert.deepStrictEqual(yield* late, [{ day: "2027-01-31", hour: 17 }])
        }).pipe(Effect.provide(clientOf(url)))
        const error = yield* migrateDatabase.pipe(
          Effect.provide(Layer.mergeAll(clientOf(url), inZone("Mars/Olympus"))),
          Effect.flip
        )
        assert.match(error.message, /BUSINESS_TIME_ZONE/)
      })
    )

    it.effect("make each chart of the page, which reads nothing that grows with the orders", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const charts = yield* chartsOfPage
        assert.isAtLeast(charts.length, 12)
        yield* Effect.gen(function* () {
          for (const { query, title } of charts) {
            assert.isNotEmpty(yield* execute(query), title)
            const [explained] = yield* execute(`explain (format json, verbose) ${query}`)
            const plans: ReadonlyArray<{ readonly Plan: Plan }> = Object.values(explained ?? {})[0]
            const relations = plans.flatMap(({ Plan }) => relationsOf(Plan))
            const grown = relations.filter((relation) => !biViews.includes(relation) && relation !== "bi.settings")
            assert.deepStrictEqual(grown, [], title)
          }
        }).pipe(Effect.provide(clientOf(as("metka_bi", url))))
      })
    )

    it.effect("show each dish and each restaurant as one, though all of them have one name", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        yield* Effect.gen(function* () {
          yield* execute("update cdm.product_names set product_name = 'Борщ'")
          yield* execute("update dds.s_restaurant_names set name = 'Столовая'")
          assert.isTrue(yield* refresh)
          const charts = yield* chartsOfPage
          const each: Readonly<Record<string, readonly [measure: string, query: string]>> = {
            "Dishes by guests": ["guests", "select guests from bi.dishes"],
            "Dishes by orders": ["orders", "select orders from bi.dishes"],
            "Dishes by orders in a period": [
              "orders",
              "select sum(orders) as orders from bi.dish_days group by product_id"
            ],
            Restaurants: ["paid", "select sum(paid) as paid from bi.restaurant_days group by restaurant_id"]
          }
          for (const [title, [measure, query]] of Object.entries(each)) {
            const greatest = (query: string) =>
              Effect.map(execute(query), (rows) =>
                rows.slice(0, 20).map((row) => Number(new Map(Object.entries(row)).get(measure)))
              )
            assert.deepStrictEqual(
              yield* greatest(charts.find((chart) => chart.title === title)?.query ?? "select"),
              yield* greatest(`${query} order by 1 desc`),
              title
            )
          }
        }).pipe(Effect.provide(clientOf(url)))
      })
    )

    it.effect("say what each of them and each of their columns is", () =>
      Effect.gen(function* () {
        const silent = yield* Effect.provide(
          execute(`
            select relname, attname from pg_class
            left join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
            where relnamespace = 'bi'::regnamespace and relkind in ('r', 'v', 'm') and relname not in ('migrations', 'settings')
              and (obj_description(pg_class.oid, 'pg_class') is null or col_description(pg_class.oid, attnum) is null)`),
          clientOf(yield* RolesDatabase)
        )
        assert.deepStrictEqual(silent, [])
      })
    )

    it.effect("are computed once though several processes ask, and not again before it is time", () =>
      Effect.gen(function* () {
        const url = yield* RolesDatabase
        const ask = (now: string) =>
          Effect.map(execute(`select bi.refresh('${now}', true) as done`), (rows) => JSON.stringify(rows[0]))
        const asCdm = <A, E>(effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
          Effect.provide(effect, clientOf(as("metka_cdm", url)))
        yield* Effect.provide(execute("update bi.settings set refreshed_at = null"), clientOf(url))
        const answers = yield* Effect.forEach([1, 2, 3], () => asCdm(ask("2027-03-01 12:00Z")), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(answers.toSorted(), ['{"done":false}', '{"done":false}', '{"done":true}'])
        assert.strictEqual(yield* asCdm(ask("2027-03-01 12:00:59Z")), '{"done":false}')
        yield* Effect.provide(execute("update bi.settings set refresh_took = '10 s'"), clientOf(url))
        assert.strictEqual(yield* asCdm(ask("2027-03-01 12:03Z")), '{"done":false}')
        assert.strictEqual(yield* asCdm(ask("2027-03-01 12:04Z")), '{"done":true}')
        assert.strictEqual(yield* asCdm(ask("2027-02-28 12:00Z")), '{"done":true}', "a clock was a day ahead")
      })
    )

    it.effect("rest for longer where they are of weeks and months, which read all orders", () =>
      Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const at = (now: string) =>
            Effect.andThen(
              execute(`select bi.refresh('${now}', true)`),
              Effect.map(wrongRows(againCountedAnew), (rows) => rows.length > 0)
            )
          yield* execute("select bi.refresh('2027-04-01 12:00Z', false)")
          yield* execute(`insert into cdm.order_contributions
            values ('another', '2027|another', gen_random_uuid(), '2027-04-01 12:00', '{}', '{}', now())`)
          yield* execute("update bi.settings set refresh_took = '0', months_took = '6 s'")
          assert.isTrue(yield* at("2027-04-01 12:09:59Z"))
          yield* execute("update bi.settings set refresh_took = '0'")
          assert.isFalse(yield* at("2027-04-01 12:10:59Z"))
          yield* execute("delete from cdm.order_contributions where order_id = 'another'")
          yield* execute("update bi.settings set refresh_took = '0', months_took = '1 day'")
          assert.isFalse(yield* at("2027-03-01 12:00Z"), "a clock was ahead")
        }).pipe(Effect.provide(clientOf(yield* RolesDatabase)))
      })
    )

    it.effect("are for a user whose sessions read only, not long, and not many at once", () =>
      Effect.gen(function* () {
        const [session] = yield* Effect.provide(
          execute(`select current_setting('default_transaction_read_only') as read_only,
            current_setting('statement_timeout') as timeout, rolconnlimit as connections
            from pg_roles where rolname = current_user`),
          clientOf(as("metka_bi", yield* RolesDatabase))
        )
        assert.deepStrictEqual(session, { read_only: "on", timeout: "10s", connections: 20 })
      })
    )
  })

  const beforeWindows = allMigrations.map(({ migrations, schema }) => {
    const all = Object.entries(migrations)
    const first = all.findIndex(([name]) => name.includes("window"))
    return { schema, migrations: Object.fromEntries(first === -1 ? all : all.slice(0, first)) }
  })

  layer(real(...beforeWindows), { excludeTestServices: true, timeout: "1 minute" })(
    "whose refresh is under way",
    (it) => {
      it.effect("go on while a migration of rules waits for it, and so do batches and pages that read the rules", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const refresh = yield* openTransaction(sql`select pg_advisory_xact_lock(7370120)`)
          const migration = yield* Effect.forkChild(migrate(allMigrations))
          yield* sessionsWaitForLocks(1)
          yield* sql`select 1 from cdm.tag_rules`
          yield* refresh.release
          yield* Fiber.join(migration)
          yield* sql`select window_days from bi.tags`
        })
      )
    }
  )

  const before = Object.entries(biMigrations.migrations).filter(([name]) => name < "0006")
  const olderForm = real(...allMigrations.filter(({ schema }) => schema !== "bi"), {
    schema: "bi",
    migrations: Object.fromEntries(before)
  })

  layer(olderForm, { excludeTestServices: true, timeout: "1 minute" })("made before a rebuild moved a day", (it) => {
    it.effect("are right after the first refresh of the newest form, those of days that have gone too", () =>
      Effect.gen(function* () {
        yield* insertManyOrders(300)
        yield* refresh
        // As a rebuild left them, which no refresh has followed since.
        yield* execute("update cdm.order_contributions set product_ids = product_ids[1:1]")
        yield* refresh
        assert.isNotEmpty(yield* wrongDays)
        yield* execute(`delete from cdm.order_contributions
          where order_dt < (select min(placed_at)::date + 1 from bi.counted_orders)`)
        yield* migrate(allMigrations)
        yield* refresh
        assert.deepStrictEqual(yield* wrong, [])
      })
    )
  })
})
