/** What `metka rebuild` mends, on any database. */
import { assert, type Vitest } from "@effect/vitest"
import { dumpChanges, dumpTables } from "@metka/testing/tableDump"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { rebuild as rebuildTables, nothing } from "../src/Rebuild.ts"
import { rebuildSteps } from "../src/RebuildSteps.ts"
import type { Source } from "../src/Shadow.ts"
import { martBreaks } from "./breaks.ts"
import { restoredAll, verdict } from "./messyDatabase.ts"
import { breakOne } from "./verifyContract.ts"

const rebuild = (from: Source, dryRun = false) => rebuildTables({ from, dryRun, onProgress: () => Effect.void })

/** What one who waits is told, step by step; never that it is done before it is. */
const toldSteps = Effect.fnUntraced(function* (from: Source) {
  const told: Array<readonly [number, string]> = []
  const onProgress = (percent: number, note: string) => Effect.sync(() => void told.push([percent, note]))
  yield* rebuildTables({ from, dryRun: false, onProgress })
  const percents = told.map(([percent]) => percent)
  assert.deepStrictEqual(
    percents,
    percents.toSorted((a, b) => a - b)
  )
  assert.deepStrictEqual([percents[0], percents.indexOf(100)], [0, percents.length - 1])
  return [...new Set(told.map(([, note]) => note))]
})

const unannounced = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{
    action: string
  }>`select action from cdm.user_tag_history where published_at is null order by event_id`
})

const named = (name: string) => {
  const found = martBreaks.find((broken) => broken.name === name)
  return found === undefined ? Effect.die(new Error(`no such break: ${name}`)) : Effect.succeed(found)
}

export const rebuildContract = (it: Vitest.MethodsNonLive<SqlClient.SqlClient>) => {
  for (const from of ["stg", "vault"] as const) {
    it.effect(
      `rebuild from ${from} touches no row where nothing is wrong`,
      () =>
        Effect.gen(function* () {
          yield* restoredAll
          const before = yield* dumpTables
          assert.deepStrictEqual(yield* rebuild(from), nothing)
          assert.deepStrictEqual(dumpChanges(before, yield* dumpTables), [])
        }),
      20_000
    )
  }

  it.effect(
    "rebuild mends every mart at once, as far as the source reaches; a second one finds nothing",
    () =>
      Effect.gen(function* () {
        for (const from of ["vault", "stg"] as const) {
          yield* restoredAll
          for (const broken of martBreaks) {
            const isOnlyOfStg = broken.check === "names" && broken.table === "cdm.product_names"
            if (from === "stg" || !isOnlyOfStg) yield* breakOne(broken)
          }
          assert.isAbove((yield* verdict).total, martBreaks.length)
          assert.notDeepEqual(yield* rebuild(from), nothing)
          assert.deepStrictEqual((yield* verdict).differences, [], from)
          assert.deepStrictEqual(yield* rebuild(from), nothing)
        }
      }),
    30_000
  )

  for (const from of ["stg", "vault"] as const) {
    it.effect(
      `rebuild from ${from} tells who waits which of its steps it is at, and that it is done when it is`,
      () =>
        Effect.gen(function* () {
          yield* restoredAll
          const sql = yield* SqlClient.SqlClient
          const steps = rebuildSteps[from].map(({ name }, index, all) => `${index + 1} of ${all.length}: ${name}`)
          const isComparing = (step: string) => !step.includes("mending")
          assert.deepStrictEqual(yield* toldSteps(from), [...steps.filter(isComparing), "done"])
          yield* sql`truncate cdm.user_category_counters, cdm.user_tags, cdm.order_contributions`
          assert.deepStrictEqual(yield* toldSteps(from), [...steps, "done"])
          yield* sql`truncate stg.order_events, cdm.user_category_counters`
          assert.deepStrictEqual(yield* toldSteps(from), [...steps, "done"], "STG knows no order")
        }),
      20_000
    )
  }

  it.effect(
    "rebuild makes marts and tags anew from nothing; orders known from the inner topics alone stay, tags keep their dates",
    () =>
      Effect.gen(function* () {
        yield* restoredAll
        const sql = yield* SqlClient.SqlClient
        const dump = sql<{ row: string }>`
            select row(user_id, category_id, order_cnt)::text as row from cdm.user_category_counters
            union all select row(user_id, product_id, order_cnt, product_name)::text from cdm.user_product_counters
            union all select row(user_id, tag, order_cnt, given_at)::text from cdm.user_tags
            union all select row(order_id, order_version, user_id, order_dt, product_ids)::text from cdm.order_contributions
            order by 1`
        const before = yield* dump
        yield* sql`truncate cdm.user_category_counters, cdm.user_product_counters, cdm.user_tags, cdm.product_names, cdm.category_names, cdm.guests`
        yield* sql`delete from cdm.order_contributions where order_id ~ '^[0-9]+$'`
        yield* rebuild("stg")
        assert.deepStrictEqual(yield* dump, before)
        assert.deepStrictEqual((yield* verdict).differences, [])
        assert.deepStrictEqual(yield* unannounced, [], "receivers were told before")
      }),
    20_000
  )

  it.effect(
    "rebuild tells receivers of a tag that was taken and given by mistake, under new event ids",
    () =>
      Effect.gen(function* () {
        yield* restoredAll
        const sql = yield* SqlClient.SqlClient
        const [last] = yield* sql<{ id: string }>`select max(event_id)::text as id from cdm.user_tag_history`
        const taken = yield* sql`
            with gone as (delete from cdm.user_tags where ctid = (select min(ctid) from cdm.user_tags) returning *)
            insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent, published_at)
            select user_id, tag, category_id, 'taken', 0, rule_version, now(), '', now() from gone returning user_id`
        assert.lengthOf(taken, 1)
        const mended = yield* rebuild("vault")
        assert.deepStrictEqual(mended, { ...nothing, tagsGiven: 1 })
        const events = yield* sql<{ action: string; newer: boolean }>`
            select action, event_id > ${last?.id ?? "0"}::bigint as newer from cdm.user_tag_history where published_at is null`
        assert.deepStrictEqual(events, [{ action: "given", newer: true }])
        assert.deepStrictEqual((yield* verdict).differences, [])
      }),
    20_000
  )

  it.effect(
    "rebuild gives the tags of a rule that it binds to its category, to guests who were right too",
    () =>
      Effect.gen(function* () {
        yield* restoredAll
        const sql = yield* SqlClient.SqlClient
        yield* sql`
          insert into cdm.tag_rules (tag, version, category_id, category_name, threshold, active, applied_at)
          select 'waits', 1, gen_random_uuid(), min(category_name), 0, true, now() from cdm.user_category_counters`
        yield* breakOne(yield* named("a counter of a category is one too high"))
        yield* rebuild("vault")
        const [due] = yield* sql<{ guests: number }>`
          select count(*)::int as guests from cdm.user_category_counters
          where category_name = (select category_name from cdm.tag_rules where tag = 'waits')`
        const given = yield* sql`select 1 from cdm.user_tags where tag = 'waits'`
        assert.isAbove(given.length, 1)
        assert.strictEqual(given.length, due?.guests)
        assert.deepStrictEqual((yield* verdict).differences, [])
      }),
    20_000
  )

  it.effect(
    "rebuild says on a dry run what would change, and changes nothing",
    () =>
      Effect.gen(function* () {
        yield* restoredAll
        yield* breakOne(yield* named("a counter of a category is one too high"))
        const before = yield* dumpTables
        assert.deepStrictEqual(yield* rebuild("stg", true), { ...nothing, categoryCounters: 1 })
        assert.deepStrictEqual(dumpChanges(before, yield* dumpTables), [])
      }),
    20_000
  )

  it.effect(
    "rebuild from the vault brings the names of an order that the ledger lacks: its message will be a duplicate",
    () =>
      Effect.gen(function* () {
        yield* restoredAll
        yield* breakOne(yield* named("the marts kept an old name of a dish"))
        yield* breakOne(yield* named("the ledger lacks an order, and nothing is on its way"))
        yield* rebuild("vault")
        assert.deepStrictEqual((yield* verdict).differences, [])
      }),
    20_000
  )

  it.effect(
    "rebuild leaves an order that is newer in the ledger than in its source",
    () =>
      Effect.gen(function* () {
        yield* restoredAll
        const sql = yield* SqlClient.SqlClient
        const moved = yield* sql<{ order_id: string }>`
            update cdm.order_contributions set order_version = '9' || order_version, order_dt = '2030-01-01'
            where order_id = (select min(order_id) from cdm.order_contributions where user_id is not null) returning order_id`
        assert.lengthOf(moved, 1)
        assert.deepStrictEqual(yield* rebuild("stg"), nothing)
        assert.deepStrictEqual(yield* rebuild("vault"), nothing)
      }),
    20_000
  )
}
