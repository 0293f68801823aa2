/** What rules, tags and the outbox promise, on PGlite and on a real server alike. */
import { assert, layer as withLayer } from "@effect/vitest"
import { usualPage } from "@metka/core/Cursor"
import { Kafka } from "@metka/core/Kafka"
import { KafkaFaults } from "@metka/core/KafkaFaults"
import * as TraceContext from "@metka/core/TraceContext"
import { transaction } from "@metka/core/transaction"
import { atTime, atTimes } from "@metka/testing/atTime"
import { emptied } from "@metka/testing/databaseLayers"
import { eventuallyTrue } from "@metka/testing/eventually"
import { whileRunning } from "@metka/testing/whileRunning"
import { writtenRows } from "@metka/testing/writtenRows"
import { Effect, type Layer, References } from "effect"
import { SqlClient } from "effect/sql"
import { applyRules, previewRules } from "../src/ApplyRules.ts"
import { guestsInPage } from "../src/GuestTags.ts"
import type { HeldTag, RuleRequest } from "../src/rules.ts"
import { publishTags, run as runBackground } from "../src/TagOutbox.ts"
import { writeTags } from "../src/TagRepository.ts"
import { mostOrders } from "../src/windows.ts"
import {
  announced,
  categoryId,
  contradictions,
  heldTags,
  history,
  type Stats,
  surroundings,
  takeIn,
  userId
} from "./CdmHarness.ts"

const rule = (tag: string, category: string, threshold: number): RuleRequest => ({ tag, category, threshold })
const windowed = (tag: string, category: string, threshold: number, days: number, exitThreshold = threshold) => ({
  ...rule(tag, category, threshold),
  window: { days, exitThreshold }
})

/** A CLOSED order of that day of the month with one dish of the category. */
const orderOn = (day: number | null, order: number, guest: string, category: string, version = 1): Stats => ({
  order,
  version,
  guest,
  dishes: [`${category} dish:${category}`],
  day
})

/** So many CLOSED orders of the guest with one dish of the category. */
const orders = (guest: string, category: string, from: number, count: number): ReadonlyArray<Stats> =>
  Array.from({ length: count }, (_, index) => ({
    order: from + index,
    version: 1,
    guest,
    dishes: [`${category} dish:${category}`]
  }))

const tagged = Effect.map(heldTags, (tags) => tags.map(({ count, guest, rule, tag }) => [guest, tag, count, rule]))
const told = Effect.map(history, (events) => events.map(({ action, count, guest, tag }) => [guest, tag, action, count]))
const ruleTables = ["cdm.tag_rules", "cdm.user_tags", "cdm.user_tag_history"]

export const tagContract = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>): void =>
  withLayer(layer, { excludeTestServices: true, timeout: "2 minutes" })(name, (it) => {
    const test = (
      what: string,
      body: Effect.Effect<void, unknown, Layer.Success<ReturnType<typeof surroundings>> | SqlClient.SqlClient>
    ) => it.effect(what, () => emptied.pipe(Effect.andThen(body), Effect.provide(surroundings())), 60_000)

    test(
      "a tag is given strictly above the threshold, follows the counter, and is taken at the threshold",
      Effect.gen(function* () {
        yield* applyRules([rule("t", "soups", 2)])
        yield* takeIn(orders("a", "soups", 1, 2))
        assert.deepStrictEqual(yield* tagged, [])
        yield* takeIn(orders("a", "soups", 3, 1))
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 3, 1]])
        yield* takeIn(orders("a", "soups", 4, 1))
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 4, 1]])
        yield* takeIn([1, 2].map((order) => ({ order, version: 2, guest: "a", dishes: [] })))
        assert.deepStrictEqual(yield* tagged, [])
        assert.deepStrictEqual(yield* told, [
          [userId("a"), "t", "given", 3],
          [userId("a"), "t", "taken", 2]
        ])
      })
    )

    test(
      "giving and taking carry the trace of the order that moved the counter, not of another order of the guest",
      Effect.gen(function* () {
        yield* applyRules([rule("t", "soups", 0)])
        const trace = (order: Stats) => ({ ...order, traceparent: TraceContext.makeRoot() })
        const [soup, roll, noSoup, noRoll] = [
          trace({ order: 1, version: 1, guest: "a", dishes: ["borsch:soups"] }),
          trace({ order: 2, version: 1, guest: "a", dishes: ["maki:rolls"] }),
          trace({ order: 1, version: 2, guest: "a", dishes: [] }),
          trace({ order: 2, version: 2, guest: "a", dishes: [] })
        ]
        yield* takeIn([soup, roll], [noSoup, noRoll])
        const sql = yield* SqlClient.SqlClient
        const rows = yield* sql<{ traceparent: string }>`select traceparent from cdm.user_tag_history order by event_id`
        assert.deepStrictEqual(
          rows.map(({ traceparent }) => traceparent),
          [soup.traceparent, noSoup.traceparent]
        )
      })
    )

    test(
      "a rule with a window counts the last days of orders, in whatever order they are delivered",
      Effect.gen(function* () {
        yield* applyRules([windowed("t", "soups", 1, 7)])
        yield* takeIn([orderOn(20, 1, "a", "soups")], [orderOn(1, 2, "a", "soups")])
        assert.deepStrictEqual(yield* tagged, [])
        yield* takeIn([orderOn(14, 3, "a", "soups")])
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 2, 1]])
        yield* takeIn([orderOn(16, 4, "a", "soups")])
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 3, 1]])
      })
    )

    test(
      "an order of another category moves the window: the tag stays above the exit threshold, and is taken at it",
      Effect.gen(function* () {
        yield* applyRules([windowed("t", "soups", 2, 7, 1)])
        const roll = { ...orderOn(9, 5, "a", "rolls"), traceparent: TraceContext.makeRoot() }
        yield* takeIn([1, 2, 3].map((day) => orderOn(day, day, "a", "soups")))
        yield* takeIn([orderOn(8, 4, "a", "rolls")])
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 2, 1]])
        yield* takeIn([roll])
        assert.deepStrictEqual(yield* tagged, [])
        assert.deepStrictEqual(yield* told, [
          [userId("a"), "t", "given", 3],
          [userId("a"), "t", "taken", 1]
        ])
        const sql = yield* SqlClient.SqlClient
        const [last] = yield* sql<{ traceparent: string }>`
          select traceparent from cdm.user_tag_history order by event_id desc limit 1`
        assert.strictEqual(last?.traceparent, roll.traceparent)
      })
    )

    test(
      "an order that changes its date alone, and no counter, moves its place in the window",
      Effect.gen(function* () {
        yield* applyRules([windowed("t", "soups", 1, 7)])
        yield* takeIn([orderOn(1, 1, "a", "soups"), orderOn(20, 2, "a", "soups")])
        assert.deepStrictEqual(yield* tagged, [])
        yield* takeIn([orderOn(15, 1, "a", "soups", 2)])
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 2, 1]])
        yield* takeIn([orderOn(2, 1, "a", "soups", 3)])
        assert.deepStrictEqual(yield* tagged, [])
      })
    )

    test(
      "a cancelled order leaves the window, and the tag follows though it is above no counter any more",
      Effect.gen(function* () {
        yield* applyRules([windowed("t", "soups", 1, 7, 0)])
        yield* takeIn([orderOn(1, 1, "a", "soups"), orderOn(2, 2, "a", "soups")])
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 2, 1]])
        yield* takeIn([{ order: 2, version: 2, guest: "a", dishes: [] }])
        assert.deepStrictEqual(yield* tagged, [], "the guest's present orders never exceeded the threshold")
        assert.deepStrictEqual((yield* told).at(-1), [userId("a"), "t", "taken", 1])
      })
    )

    test(
      "an order without a date is in no window",
      Effect.gen(function* () {
        yield* applyRules([windowed("dated", "soups", 1, 7), rule("all", "soups", 1)])
        yield* takeIn([orderOn(1, 1, "a", "soups"), orderOn(null, 2, "a", "soups")])
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "all", 2, 1]])
      })
    )

    test(
      "a window that rules get or lose applies to the guests that are already there, as its preview says",
      Effect.gen(function* () {
        yield* takeIn([
          ...[1, 2, 20].map((day) => orderOn(day, day, "gone", "soups")),
          ...[18, 19, 20].map((day) => orderOn(day, 100 + day, "here", "soups"))
        ])
        const apply = Effect.fnUntraced(function* (request: RuleRequest) {
          const preview = yield* previewRules([request])
          const { given, taken } = yield* applyRules([request])
          assert.deepInclude(preview, { given, taken })
          return [given, taken]
        })
        assert.deepStrictEqual(yield* apply(windowed("t", "soups", 2, 7)), [1, 0])
        assert.deepStrictEqual(yield* tagged, [[userId("here"), "t", 3, 1]])
        assert.deepStrictEqual(yield* apply(rule("t", "soups", 2)), [1, 0])
        assert.deepStrictEqual(yield* apply(windowed("t", "soups", 2, 7, 0)), [0, 1])
        assert.deepStrictEqual(yield* tagged, [[userId("here"), "t", 3, 3]])
        assert.deepStrictEqual(yield* apply(windowed("t", "soups", 2, 7, 0)), [0, 0])
        assert.strictEqual((yield* tagged)[0]?.[3], 3, "the same window is the same rule")
        assert.deepStrictEqual(yield* apply(windowed("t", "soups", 9, 7, 0)), [0, 1])
        assert.deepStrictEqual((yield* told).at(-1), [userId("here"), "t", "taken", 3])
      })
    )

    test(
      "a window and a rule without one go by their own counts, of one category and batch by batch",
      Effect.gen(function* () {
        yield* applyRules([windowed("lately", "soups", 1, 3), rule("ever", "soups", 1)])
        yield* takeIn(...[1, 9, 10, 30].map((day) => [orderOn(day, day, "a", "soups")]))
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "ever", 4, 1]])
        assert.deepStrictEqual(yield* told, [
          [userId("a"), "ever", "given", 2],
          [userId("a"), "lately", "given", 2],
          [userId("a"), "lately", "taken", 1]
        ])
      })
    )

    test(
      "of an account that orders for a whole company a window looks at the newest orders alone",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* takeIn([orderOn(2, 1, "company", "soups")])
        yield* sql`insert into cdm.order_contributions
          select 'order ' || n, order_version, user_id, order_dt - n * interval '1 second', product_ids, category_ids, recorded_at
          from cdm.order_contributions, generate_series(1, ${mostOrders}::int) n`
        yield* sql`update cdm.user_category_counters set order_cnt = order_cnt + ${mostOrders}::int`
        yield* applyRules([windowed("t", "soups", mostOrders - 1, 365)])
        assert.deepStrictEqual(yield* tagged, [[userId("company"), "t", mostOrders, 1]])
        yield* takeIn([orderOn(3, 2, "company", "rolls")])
        assert.deepStrictEqual(yield* tagged, [], "the roll is one of them now")
      })
    )

    test(
      "rules apply to the guests that are already there, and to no others",
      Effect.gen(function* () {
        yield* takeIn([...orders("a", "soups", 1, 3), ...orders("b", "soups", 11, 2), ...orders("a", "rolls", 21, 9)])
        const applied = yield* applyRules([rule("t", "soups", 2)])
        assert.deepInclude(applied, { given: 1, taken: 0, unknownCategories: [] })
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 3, 1]])
      })
    )

    test(
      "applying the same rules twice changes nothing",
      Effect.gen(function* () {
        yield* takeIn(orders("a", "soups", 1, 3))
        const rules = [rule("t", "soups", 2), rule("u", "soups", 9)]
        yield* applyRules(rules)
        const before = yield* writtenRows(...ruleTables)
        const again = yield* applyRules(rules.toReversed())
        assert.deepStrictEqual(yield* writtenRows(...ruleTables), before)
        assert.deepStrictEqual(
          again.changes.map((change) => change._tag),
          ["Kept", "Kept"]
        )
        assert.deepInclude(again, { given: 0, taken: 0 })
      })
    )

    test(
      "a rule that is not in the file is retired, and takes its tags",
      Effect.gen(function* () {
        yield* takeIn(orders("a", "soups", 1, 3))
        yield* applyRules([rule("t", "soups", 2), rule("u", "soups", 1)])
        const applied = yield* applyRules([rule("u", "soups", 1)])
        assert.deepInclude(applied, { given: 0, taken: 1 })
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "u", 3, 1]])
        // A retired rule gives no more.
        yield* takeIn(orders("a", "soups", 4, 1))
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "u", 4, 1]])
        yield* applyRules([])
        assert.deepStrictEqual(yield* tagged, [])
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    test(
      "a changed rule has a new version; who meets it keeps the tag and its date, who does not loses it",
      Effect.gen(function* () {
        yield* takeIn([...orders("a", "soups", 1, 5), ...orders("b", "soups", 11, 2), ...orders("c", "soups", 21, 3)])
        const sql = yield* SqlClient.SqlClient
        const given = Effect.map(
          sql<{ at: string }>`select given_at::text as at from cdm.user_tags where user_id = ${userId("a")}::uuid`,
          (rows) => rows[0]?.at
        )
        yield* atTime(Date.parse("2023-05-01T00:00:00Z"))(applyRules([rule("t", "soups", 2)]))
        const since = yield* given
        const raised = yield* atTime(Date.parse("2023-05-02T00:00:00Z"))(applyRules([rule("t", "soups", 3)]))
        assert.deepInclude(raised, { given: 0, taken: 1 })
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 5, 2]])
        assert.strictEqual(yield* given, since)
        const lowered = yield* applyRules([rule("t", "soups", 1)])
        assert.deepInclude(lowered, { given: 2, taken: 0 })
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    test(
      "a rule that moves to another category takes the tag from who lacks it there and gives it to who has it",
      Effect.gen(function* () {
        yield* takeIn([...orders("a", "soups", 1, 3), ...orders("b", "rolls", 11, 3)])
        yield* applyRules([rule("t", "soups", 2)])
        const moved = yield* applyRules([rule("t", "rolls", 2)])
        assert.deepInclude(moved, { given: 1, taken: 1 })
        assert.deepStrictEqual(yield* tagged, [[userId("b"), "t", 3, 2]])
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    test(
      "a tag has one active rule: a second one is refused, and nothing of its file is applied",
      Effect.gen(function* () {
        yield* applyRules([rule("t", "soups", 2)])
        const before = yield* writtenRows(...ruleTables)
        yield* Effect.flip(applyRules([rule("u", "soups", 1), rule("v", "soups", 1), rule("v", "rolls", 1)]))
        assert.deepStrictEqual(yield* writtenRows(...ruleTables), before)
        const sql = yield* SqlClient.SqlClient
        yield* Effect.flip(sql`insert into cdm.tag_rules select tag, 2, category_id, category_name, threshold, true, applied_at
          from cdm.tag_rules`)
      })
    )

    test(
      "an unknown category is accepted, and named; its first counter gives the tag",
      Effect.gen(function* () {
        const applied = yield* applyRules([rule("t", "sops", 0)])
        assert.deepStrictEqual(applied.unknownCategories, [{ category: "sops", similar: undefined }])
        yield* takeIn(orders("a", "sops", 1, 1))
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 1, 1]])
      })
    )

    test(
      "a category that comes under another key than the vault's is met by its name, whether the rule is older or newer",
      Effect.gen(function* () {
        const foreign = (guest: string, from: number): ReadonlyArray<Stats> =>
          orders(guest, "soups", from, 2).map((stats) => ({ ...stats, categoryKey: "foreign" }))
        yield* applyRules([rule("older", "soups", 1)])
        yield* takeIn(foreign("a", 1))
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "older", 2, 1]])
        const applied = yield* applyRules([rule("older", "soups", 1), rule("newer", "soups", 1)])
        assert.deepInclude(applied, { given: 1, unknownCategories: [] })
        yield* takeIn(foreign("b", 11))
        assert.strictEqual((yield* tagged).length, 4)
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    /** A rule is older than the name of its category, and the guest's orders too. */
    const renamedToARule = Effect.gen(function* () {
      const brews = (guest: string, from: number, count: number): ReadonlyArray<Stats> =>
        orders(guest, "brews", from, count).map((stats) => ({ ...stats, categoryKey: "foreign" }))
      yield* applyRules([rule("t", "soups", 1)])
      yield* takeIn(
        brews("a", 1, 2),
        brews("b", 11, 1).map((stats) => ({ ...stats, categoryName: "soups", names: 2 })),
        // A category that is new brings its own rules to mind, and not this one.
        orders("b", "rolls", 21, 1)
      )
      assert.deepStrictEqual(yield* tagged, [])
    })

    test(
      "a category that gets the name of a rule by a renaming gives the tag to those who are already there",
      Effect.gen(function* () {
        yield* renamedToARule
        const isGiven = Effect.map(tagged, (tags) => tags.length > 0)
        yield* whileRunning(runBackground, eventuallyTrue("the tag is given", isGiven))
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 2, 1]])
        assert.deepStrictEqual(yield* told, [[userId("a"), "t", "given", 2]])
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    test(
      "rules that are applied again find a category that got its name by a renaming",
      Effect.gen(function* () {
        yield* renamedToARule
        assert.deepInclude(yield* applyRules([rule("t", "soups", 1)]), { given: 1, taken: 0 })
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "t", 2, 1]])
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    test(
      "a preview says what would change and changes nothing",
      Effect.gen(function* () {
        yield* takeIn(orders("a", "soups", 1, 3))
        yield* applyRules([rule("t", "soups", 2)])
        const before = yield* writtenRows(...ruleTables)
        const preview = yield* previewRules([rule("t", "soups", 3), rule("u", "sops", 3)])
        assert.deepStrictEqual(
          preview.changes.map((change) => change._tag),
          ["Changed", "Added"]
        )
        assert.deepStrictEqual(preview.unknownCategories, [{ category: "sops", similar: undefined }])
        assert.deepInclude(preview, { given: 0, taken: 1, ofTags: new Map([["t", { given: 0, taken: 1 }]]) })
        assert.deepStrictEqual(yield* writtenRows(...ruleTables), before)
      })
    )

    test(
      "a category that differs in capitals, spaces or ё alone is named as it is in the menus",
      Effect.gen(function* () {
        yield* takeIn(orders("a", "Ёлки и палки", 1, 1))
        const { unknownCategories } = yield* previewRules(
          ["елки  и палки", " Ёлки и палки", "Ёлки", "Ёлки и палки"].map((category, index) =>
            rule(String(index), category, 0)
          )
        )
        assert.deepStrictEqual(unknownCategories, [
          { category: "елки  и палки", similar: "Ёлки и палки" },
          { category: " Ёлки и палки", similar: "Ёлки и палки" },
          { category: "Ёлки", similar: undefined }
        ])
      })
    )

    test(
      "a preview does not show as kept what gives tags since a renaming, and applying shows the same",
      Effect.gen(function* () {
        yield* renamedToARule
        const request = [rule("t", "soups", 1)]
        const kinds = Effect.map(previewRules(request), ({ changes }) => changes.map((change) => change._tag))
        assert.deepStrictEqual(yield* kinds, ["Bound"])
        const preview = yield* previewRules(request)
        const applied = yield* applyRules(request)
        assert.deepInclude(preview, { given: applied.given, taken: applied.taken, ofTags: applied.ofTags })
        const { changes, given } = applied
        assert.deepStrictEqual([changes.map((change) => change._tag), given], [["Bound"], 1])
        assert.deepStrictEqual(yield* kinds, ["Kept"])
      })
    )

    /** So many guests with 3, 4 or 5 orders of soups, in turn. */
    const soupEaters = Effect.fnUntraced(function* (count: number) {
      const sql = yield* SqlClient.SqlClient
      yield* sql`insert into cdm.category_names values (${categoryId("soups")}::uuid, 'soups', '!')`
      yield* sql`
        insert into cdm.user_category_counters
        select md5(n::text)::uuid, ${categoryId("soups")}::uuid, 'soups', 3 + n % 3 from generate_series(0, ${count - 1}::int) as n`
    })

    /** Every step of a rule's life, and each of them as a dry run told it before. */
    const ruleLife = Effect.fnUntraced(function* (steps: ReadonlyArray<ReadonlyArray<RuleRequest>>) {
      const moved: Array<{ readonly given: number; readonly taken: number }> = []
      for (const rules of steps) {
        const preview = yield* previewRules(rules)
        const { given, ofTags, taken } = yield* applyRules(rules)
        assert.deepInclude(preview, { given, taken, ofTags })
        moved.push({ given, taken })
      }
      return moved
    })

    /** How often each guest and tag was given or taken, and in how many moments. */
    const toldTimes = Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      return yield* sql<{ action: string; times: number; guests: number; moments: number }>`
        select action, times, count(*)::int as guests, (select count(distinct at)::int from cdm.user_tag_history) as moments
        from (select action, count(*)::int as times from cdm.user_tag_history group by user_id, tag, action) told
        group by action, times order by action`
    })

    for (const guests of [2 * usualPage, 2 * usualPage + 1]) {
      test(
        `an audience of ${guests}, longer than a page: everybody gets the tag once and loses it once, as a dry run says`,
        Effect.gen(function* () {
          yield* soupEaters(guests)
          const begin = Date.parse("2023-05-01T00:00:00Z")
          let ticks = 0
          const life = ruleLife([[rule("t", "soups", 2)], [rule("t", "soups", 2)], []])
          assert.deepStrictEqual(yield* atTimes(() => begin + ++ticks)(life), [
            { given: guests, taken: 0 },
            { given: 0, taken: 0 },
            { given: 0, taken: guests }
          ])
          assert.deepStrictEqual(yield* toldTimes, [
            { action: "given", times: 1, guests, moments: 2 },
            { action: "taken", times: 1, guests, moments: 2 }
          ])
          assert.deepStrictEqual(yield* tagged, [])
        })
      )
    }

    test(
      "an audience longer than a page: a changed rule leaves tag and date to all who meet it, and takes it from all others",
      Effect.gen(function* () {
        const guests = 3 * usualPage
        yield* soupEaters(guests)
        yield* atTime(Date.parse("2023-05-01T00:00:00Z"))(applyRules([rule("t", "soups", 2)]))
        const moved = yield* ruleLife([[rule("t", "soups", 3)]])
        assert.deepStrictEqual(moved, [{ given: 0, taken: usualPage }])
        const sql = yield* SqlClient.SqlClient
        const held = yield* sql`
          select order_cnt as count, rule_version as rule, given_at::date::text as day, count(*)::int as guests
          from cdm.user_tags group by 1, 2, 3 order by 1`
        assert.deepStrictEqual(held, [
          { count: 4, rule: 2, day: "2023-05-01", guests: usualPage },
          { count: 5, rule: 2, day: "2023-05-01", guests: usualPage }
        ])
      })
    )

    test(
      "a tag is found by its guest, though the statistics are of a time when nobody had one",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const guests = 5_000
        const giveAll = sql`insert into cdm.user_tags
          select md5(n::text)::uuid, 't', ${categoryId("soups")}::uuid, 3, 1, now() from generate_series(1, ${guests}::int) as n`
        yield* giveAll
        yield* sql`delete from cdm.user_tags`
        yield* sql`vacuum (analyze, truncate false) cdm.user_tags`
        const read = yield* transaction(
          Effect.gen(function* () {
            yield* giveAll
            const some = yield* sql<{ userId: string }>`select user_id as "userId" from cdm.user_tags limit 200`
            const rows = sql<{ read: bigint }>`
              select seq_tup_read + idx_tup_fetch as read from pg_stat_xact_user_tables where relid = 'cdm.user_tags'::regclass`
            const [before] = yield* rows
            const tags = some.map(({ userId }): HeldTag => ({
              userId,
              tag: "t",
              categoryId: categoryId("soups"),
              orderCount: 4,
              ruleVersion: 1
            }))
            yield* writeTags(
              { given: [], updated: tags.slice(0, 100), taken: tags.slice(100) },
              new Date(0),
              () => undefined
            )
            const [after] = yield* rows
            return Number(after?.read) - Number(before?.read)
          })
        )
        assert.isAtMost(read, 400)
        assert.deepStrictEqual(
          yield* sql`select order_cnt as count, count(*)::int as guests from cdm.user_tags group by 1 order by 1`,
          [
            { count: 3, guests: guests - 200 },
            { count: 4, guests: 100 }
          ]
        )
      })
    )

    test(
      "an audience of a rule with a window, longer than a page: each guest's own orders decide, as a dry run says",
      Effect.gen(function* () {
        const lately = windowed("t", "soups", 1, 7)
        const guests = 2 * guestsInPage([{ ...lately, categoryId: "", categoryName: "", version: 1 }]) + 50
        assert.isBelow(guests, usualPage)
        yield* soupEaters(guests)
        const sql = yield* SqlClient.SqlClient
        // Of every second guest the three soups are a month apart.
        yield* sql`
          insert into cdm.order_contributions
          select n || ' ' || soup, '!', md5(n::text)::uuid, '2023-01-01'::timestamp + soup * make_interval(days => 1 + n % 2 * 30),
            '{}', array[${categoryId("soups")}::uuid], '2023-05-01'
          from generate_series(0, ${guests - 1}::int) as n, generate_series(1, 3) as soup`
        const moved = yield* ruleLife([[lately], [lately], [windowed("t", "soups", 1, 365)], []])
        assert.deepStrictEqual(moved, [
          { given: guests / 2, taken: 0 },
          { given: 0, taken: 0 },
          { given: guests / 2, taken: 0 },
          { given: 0, taken: guests }
        ])
      })
    )

    test(
      "a rule with a window that is older than its category is bound to it by name, and by a renaming",
      Effect.gen(function* () {
        const soup = (day: number, order: number) => ({ ...orderOn(day, order, "a", "soups"), categoryKey: "foreign" })
        const brew = (day: number, order: number) => ({ ...orderOn(day, order, "b", "brews"), categoryKey: "foreign" })
        yield* applyRules([windowed("soup", "soups", 1, 7), windowed("tea", "teas", 1, 7)])
        yield* takeIn([soup(1, 1)], [soup(3, 2)], [brew(1, 11), brew(20, 12), brew(22, 13)])
        assert.deepStrictEqual(yield* tagged, [[userId("a"), "soup", 2, 1]])
        yield* takeIn([{ ...brew(23, 14), categoryName: "teas", names: 2 }])
        yield* applyRules([windowed("soup", "soups", 1, 7), windowed("tea", "teas", 1, 7)])
        assert.deepStrictEqual(yield* tagged, [
          [userId("a"), "soup", 2, 1],
          [userId("b"), "tea", 3, 1]
        ])
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    test(
      "many rules make for pages of few guests, who all get and lose all of their tags",
      Effect.gen(function* () {
        const rules = Array.from({ length: 40 }, (_, index) => rule(`t${index}`, "soups", 2))
        const guests = guestsInPage([], rules.length) + 100
        assert.isBelow(guests, usualPage)
        yield* soupEaters(guests)
        const all = 40 * guests
        const moved = yield* ruleLife([rules, rules.slice(1), []])
        assert.deepStrictEqual(moved, [
          { given: all, taken: 0 },
          { given: 0, taken: guests },
          { given: 0, taken: all - guests }
        ])
        assert.deepStrictEqual(
          (yield* toldTimes).map(({ action, guests, times }) => [action, times, guests]),
          [
            ["given", 1, all],
            ["taken", 1, all]
          ]
        )
      })
    )

    test(
      "every giving and taking is announced once and in order, under the app's own id of the guest",
      Effect.gen(function* () {
        yield* applyRules([rule("t", "soups", 1)])
        yield* takeIn(
          [...orders("a", "soups", 1, 2), ...orders("b", "soups", 11, 2)],
          [{ order: 1, version: 2, guest: "a", dishes: [] }],
          orders("a", "soups", 3, 1)
        )
        yield* publishTags
        const events = yield* announced
        const expected = yield* history
        assert.strictEqual(expected.length, 4)
        assert.sameDeepMembers(
          events.map(({ event }) => event),
          expected.map(({ event }) => event)
        )
        const ofA = events.filter(({ key }) => key === "a")
        assert.deepStrictEqual(
          ofA.map(({ message }) => [message["action"], message["order_cnt"]]),
          [
            ["given", 2],
            ["taken", 1],
            ["given", 2]
          ]
        )
        assert.deepStrictEqual(
          ofA.map(({ event }) => event),
          ofA.map(({ event }) => event).toSorted((x, y) => x - y)
        )
        assert.deepStrictEqual(Object.keys(ofA[0]?.message ?? {}), [
          "user_id",
          "tag",
          "action",
          "order_cnt",
          "rule_version",
          "at"
        ])
        assert.match(String(ofA[0]?.message["at"]), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)
      })
    )

    test(
      "what a failed publishing left is announced again, none of it lost, still in order",
      Effect.gen(function* () {
        yield* takeIn(["a", "b", "c", "d"].flatMap((guest, index) => orders(guest, "soups", 10 * index + 1, 2)))
        yield* (yield* Kafka).ensureTopics(["guest-tags"])
        const faults = yield* KafkaFaults
        yield* applyRules([rule("t", "soups", 1)])
        yield* faults.breakNextPublishAfter(2)
        yield* Effect.flip(publishTags)
        assert.strictEqual((yield* announced).length, 2)
        yield* publishTags
        yield* publishTags
        const events = (yield* announced).map(({ event }) => event)
        assert.deepStrictEqual(
          [...new Set(events)].sort((x, y) => x - y),
          (yield* history).map(({ event }) => event)
        )
        assert.strictEqual(events.length, 6, "the two that were written are announced twice, the others once")
      })
    )

    test(
      "a message that Kafka refuses for its size does not hold up those behind it",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent)
          select ${userId("a")}::uuid, case n when 2 then repeat('x', 1100000) else 't' end, ${userId("c")}::uuid, 'given', n, 1,
            '2023-04-08T20:27:36Z', ''
          from generate_series(1, 3) as n`
        yield* publishTags
        yield* publishTags
        assert.deepStrictEqual([...new Set((yield* announced).map(({ message }) => message["order_cnt"]))], [1, 3])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
    )

    test(
      "an outbox longer than a page is drained whole",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent)
          select ${userId("a")}::uuid, 't', ${userId("c")}::uuid, 'given', n, 1, '2023-04-08T20:27:36Z', ''
          from generate_series(1, 2500) as n`
        yield* publishTags
        const events = yield* announced
        assert.deepStrictEqual(
          events.map(({ message }) => message["order_cnt"]),
          Array.from({ length: 2_500 }, (_, index) => index + 1)
        )
        assert.strictEqual(
          events[0]?.key,
          userId("a"),
          "a guest whose own id is not known goes by the key of the vault"
        )
      })
    )
  })
