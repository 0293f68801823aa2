import { assert, describe, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { readTagReasons } from "@metka/console/TagReasons"
import { Kafka } from "@metka/core/Kafka"
import { Topology } from "@metka/core/Topology"
import { uuidOf } from "@metka/core/Uuid"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { cafeOrder as order, cafeReferences } from "@metka/testing/cafe"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { tagReasonsText } from "../src/TagReasonsText.ts"

const references = cafeReferences(
  ["anna", "boris"],
  [
    { id: "d1", name: "Борщ", category: "Супы" },
    { id: "d2", name: "Солянка", category: "Супы" },
    { id: "d3", name: "Эклер", category: "Десерты" },
    { id: "d4", name: "Уха", category: "Супы" }
  ]
)

const told = (guest: string, tag?: string, limit = 20) =>
  Effect.map(readTagReasons(guest, tag, limit), (reasons) => tagReasonsText(reasons, tag !== undefined))

const soups = "Любитель супов"
const sweets = "Сладкоежка"

const rules = [
  { tag: soups, category: "Супы", threshold: 1 },
  { tag: sweets, category: "Десерты", threshold: 2 }
]

/** When the tests run is all that differs. */
const withoutTimes = (text: string): string =>
  text.replaceAll(/(given|taken|retired) \d{4}-\d\d-\d\d \d\d:\d\d/g, "$1 <time>")

const onDemand = <A, E, R>(use: Effect.Effect<A, E, R>) =>
  withMemorySystem(
    {},
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`update bi.settings set time_zone = 'Asia/Omsk'`
      yield* applyRules(rules)
      yield* loadReferences(references)
      yield* send([order("anna", 9, "2023-04-01 20:00", ["d1", "d3", "d2"])])
      yield* settled(0)
      yield* send([order("anna", 10, "2023-04-02 20:30", ["d4"]), order("boris", 11, "2023-04-03 10:00", ["d3"])])
      yield* settled(0)
      return yield* use
    })
  )

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("metka why", (it) => {
  it.effect("tells the rule, the counter and the orders behind a tag, in the business time zone", () =>
    onDemand(
      Effect.gen(function* () {
        const expected = [
          "Guest anna has 1 tag, times in Asia/Omsk",
          "",
          "«Любитель супов»: more than 1 order with «Супы» (version 1); the guest has 2",
          "  order  date              dishes",
          "  10     2023-04-03 02:30  Уха",
          "  9      2023-04-02 02:00  Борщ, Солянка",
          "  given <time> with 2 orders (version 1: more than 1 order with «Супы»)",
          "",
          "Not given:",
          "  «Сладкоежка»: more than 2 orders with «Десерты» (version 1); the guest has 1"
        ].join("\n")
        assert.strictEqual(withoutTimes(yield* told("anna")), expected)
        assert.strictEqual(withoutTimes(yield* told(uuidOf("h_user", "anna").toUpperCase())), expected)
      })
    )
  )

  it.effect("tells of a tag that the guest does not have what is missing, and what became of it", () =>
    onDemand(
      Effect.gen(function* () {
        yield* send([order("anna", 10, "2023-04-02 20:30", ["d4"], "CANCELLED")])
        yield* settled(0)
        assert.strictEqual(
          withoutTimes(yield* told("anna", soups)),
          [
            "Guest anna, times in Asia/Omsk",
            "",
            "«Любитель супов»: not given, more than 1 order with «Супы» (version 1); the guest has 1",
            "  order  date              dishes",
            "  9      2023-04-02 02:00  Борщ, Солянка",
            "  given <time> with 2 orders (version 1: more than 1 order with «Супы»)",
            "  taken <time> with 1 order (version 1: more than 1 order with «Супы»)"
          ].join("\n")
        )
        assert.match(
          yield* told("boris"),
          /^Guest boris has no tag, [^]*Not given:\n.*the guest has 0\n.*the guest has 1$/
        )
      })
    )
  )

  it.effect("lists as many orders as it is asked for, and says how many there are", () =>
    onDemand(
      Effect.gen(function* () {
        const text = yield* told("anna", soups, 1)
        assert.include(text, "10     2023-04-03 02:30  Уха\n  … and 1 more: --limit 2 lists them.")
        assert.notInclude(text, "Борщ")
      })
    )
  )

  it.effect("lists an order that came to the marts alone, without its dishes", () =>
    onDemand(
      Effect.gen(function* () {
        const { cdmStats } = yield* Topology
        const stats = {
          user_id: uuidOf("h_user", "anna"),
          product_id: uuidOf("h_product", "d1"),
          product_name: "Борщ",
          category_id: uuidOf("h_category", "Супы"),
          category_name: "Супы",
          order_cnt: 1
        }
        const headers = { "order-date": "2023-01-01 00:00:00" }
        const { publish } = yield* Kafka
        yield* publish(cdmStats, [{ key: "anna", value: JSON.stringify([stats]), headers }])
        yield* publish(cdmStats, [{ key: "anna", value: JSON.stringify([stats]), headers: { "order-id": "7" } }])
        yield* settled(0)
        assert.match(
          yield* told("anna", soups),
          /the guest has 4\n.*\n.*Уха\n.*Солянка\n {2}cdm-service-stats:\d:\d+:\d+ +2023-01-01 06:00\n {2}7 +no date\n/
        )
      })
    )
  )

  it.effect("names the dishes that the order has now, in the category they had when it came", () =>
    onDemand(
      Effect.gen(function* () {
        yield* loadReferences(
          new Map([
            [
              "cafe",
              (references.get("cafe") ?? "").replace(
                '"Борщ","price":100,"category":"Супы"',
                '"Борщ","price":100,"category":"Второе"'
              )
            ]
          ])
        )
        // Of two soups one has become another, and one another kind of dish for later orders.
        yield* send([
          order("anna", 9, "2023-04-01 20:01", ["d1", "d4"]),
          order("anna", 12, "2023-04-04 20:00", ["d1", "d2"])
        ])
        yield* settled(0)
        const text = yield* told("anna", soups)
        assert.match(text, /\n {2}12 +\S+ \S+ +Солянка\n/)
        assert.match(text, /\n {2}9 +\S+ \S+ +Уха\n/)
      })
    )
  )

  it.effect("knows a guest whose messages say no more than the key, as the audience does", () =>
    onDemand(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`delete from cdm.guests`
        const key = uuidOf("h_user", "anna")
        assert.include(yield* told(key), `Guest ${key} has 1 tag`)
        yield* sql`insert into cdm.guests values (${key}::uuid, ${"an\u001Bna"})`
        assert.include(yield* told(key), "Guest an\\u001bna has 1 tag")
      })
    )
  )

  it.effect("says so when ledger, counter and tag do not go together", () =>
    onDemand(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`update cdm.user_category_counters set order_cnt = 2 where order_cnt = 1`
        assert.include(
          yield* told("anna"),
          "«Десерты» (version 1); the guest has 2\n    The counter says 2, the ledger has 1: npx metka verify"
        )
        yield* sql`delete from cdm.user_tags`
        assert.include(yield* told("anna", soups), "The guest should have it: npx metka verify")
        yield* sql`update cdm.user_category_counters set order_cnt = 1`
        assert.notInclude(yield* told("anna", soups), "should have it")
      })
    )
  )

  it.effect("tells of an order that may have been cancelled since, but whose newest version waits", () =>
    onDemand(
      Effect.gen(function* () {
        const waits =
          "  Of 10 a newer version waits for a reference, and what it changes does not count yet: npx metka parked tells what is missing."
        assert.notInclude(yield* told("anna", soups), waits)
        yield* send([order("anna", 10, "2023-04-02 21:30", ["d4", "gone from the menu"], "CANCELLED")])
        yield* settled(1)
        const text = yield* told("anna", soups)
        assert.include(text, "the guest has 2")
        assert.include(text, waits)
      })
    )
  )

  it.effect("tells of a rule that was changed or retired what it asked for at each time", () =>
    onDemand(
      Effect.gen(function* () {
        yield* applyRules([{ tag: soups, category: "Супы", threshold: 4 }])
        yield* applyRules([{ tag: sweets, category: "Сладости", threshold: 0 }])
        assert.match(
          withoutTimes(yield* told("anna", soups)),
          /«Любитель супов»: retired <time>, it was more than 4 orders with «Супы» \(version 2\); the guest has 2\n[^]*given <time> with 2 orders \(version 1: more than 1 order with «Супы»\)\n {2}taken <time> with 2 orders \(version 2: more than 4 orders with «Супы»\)$/
        )
        assert.match(
          yield* told("anna"),
          /more than 0 orders with «Сладости» \(version 2\); no guest has ordered from this category yet: is it spelled as in the menus\?\n\n/
        )
      })
    )
  )

  describe("with a rule that has a window", () => {
    const often = { tag: "Часто суп", category: "Супы", threshold: 2, window: { days: 30, exitThreshold: 1 } }

    it.effect("tells what the window at the guest's newest order holds, and which orders are not in it", () =>
      onDemand(
        Effect.gen(function* () {
          yield* applyRules([often])
          yield* send([order("anna", 12, "2023-04-20 20:00", ["d1"])])
          yield* settled(0)
          assert.notInclude(yield* told("anna", often.tag), "The tag stays")
          yield* send([order("anna", 13, "2023-05-02 20:00", ["d1"]), order("anna", 14, "2023-05-02 20:30", ["d3"])])
          yield* settled(0)
          assert.strictEqual(
            withoutTimes(yield* told("anna", often.tag)),
            [
              "Guest anna, times in Asia/Omsk",
              "",
              "«Часто суп»: more than 2 orders with «Супы» within 30 days, until 1 or fewer are left (version 1); " +
                "the guest has 2 within 30 days up to their newest order at 2023-05-03 02:30, 4 in all",
              "  The tag stays: the window had more than 2 before, and no fewer than 2 since.",
              "  order  date              counts                 dishes",
              "  13     2023-05-03 02:00  yes                    Борщ",
              "  12     2023-04-21 02:00  yes                    Борщ",
              "  10     2023-04-03 02:30  no: before the window  Уха",
              "  9      2023-04-02 02:00  no: before the window  Борщ, Солянка",
              "  given <time> with 3 orders (version 1: more than 2 orders with «Супы» within 30 days, until 1 or fewer are left)"
            ].join("\n")
          )
          yield* send([order("anna", 15, "2023-06-02 10:00", ["d3"])])
          yield* settled(0)
          const taken = withoutTimes(yield* told("anna", often.tag))
          assert.include(taken, "«Часто суп»: not given, more than 2 orders")
          assert.include(taken, "the guest has 0 within 30 days up to their newest order at 2023-06-02 16:00, 4 in all")
          assert.notInclude(taken, "The tag stays")
          assert.match(taken, /taken <time> with 0 orders \(version 1: more than 2 .* within 30 days, until .* left\)$/)
        })
      )
    )

    it.effect("tells of orders without a date that they are in no window", () =>
      onDemand(
        Effect.gen(function* () {
          yield* applyRules([often])
          const sql = yield* SqlClient.SqlClient
          yield* sql`update cdm.order_contributions set order_dt = null where order_id = '9'`
          assert.match(
            yield* told("anna", often.tag),
            /the guest has 1 within .* at 2023-04-03 02:30, 2 in all\n.*\n {2}10 +\S+ \S+ +yes +Уха\n {2}9 +no date +no: without a date +Борщ/
          )
          yield* sql`update cdm.order_contributions set order_dt = null`
          const text = yield* told("anna", often.tag)
          assert.match(text, /the guest has 0 with a date, 2 in all\n/)
          assert.notInclude(text, "yes")
        })
      )
    )

    it.effect("goes by the window where it says that ledger and tag do not go together", () =>
      onDemand(
        Effect.gen(function* () {
          yield* applyRules([often])
          yield* send([order("anna", 12, "2023-04-20 20:00", ["d1"]), order("anna", 13, "2023-05-02 20:30", ["d1"])])
          yield* settled(0)
          const sql = yield* SqlClient.SqlClient
          assert.notInclude(yield* told("anna"), "npx metka verify")
          yield* sql`delete from cdm.user_tags`
          const lost = yield* told("anna", often.tag)
          assert.include(lost, "The guest should have it: npx metka verify")
          assert.notInclude(lost, "The tag stays")
          yield* applyRules([{ ...often, window: { days: 30, exitThreshold: 2 } }])
          const ended = yield* told("anna")
          assert.include(ended, "within 30 days (version 2); the guest has 2 within 30 days")
          assert.notInclude(ended, "npx metka verify")
        })
      )
    )

    it.effect("tells of each giving and taking the window that the rule had then", () =>
      onDemand(
        Effect.gen(function* () {
          const always = { tag: often.tag, category: "Супы", threshold: 1 }
          yield* applyRules([always])
          yield* applyRules([{ ...always, window: { days: 1, exitThreshold: 1 } }])
          assert.match(
            withoutTimes(yield* told("anna", often.tag)),
            /given <time> with 2 orders \(version 1: more than 1 order with «Супы»\)\n {2}taken <time> with 1 order \(version 2: more than 1 order with «Супы» within 1 day\)$/
          )
        })
      )
    )
  })

  it.effect("tells last of the tags that the guest had by rules that are retired, and of no others", () =>
    onDemand(
      Effect.gen(function* () {
        assert.notInclude(yield* told("anna"), "retired")
        yield* applyRules([{ tag: sweets, category: "Сладости", threshold: 0 }])
        const past = [
          "",
          "Of rules that are retired:",
          "  «Любитель супов»: taken <time> with 2 orders (version 1: more than 1 order with «Супы»)"
        ].join("\n")
        const text = withoutTimes(yield* told("anna"))
        assert.isTrue(text.endsWith(`menus?\n${past}`), text)
        assert.notInclude(yield* told("boris"), "retired")
        yield* applyRules([])
        assert.isTrue(
          withoutTimes(yield* told("anna")).endsWith(`\nThere are no tag rules: npx metka rules apply FILE.\n${past}`)
        )
      })
    )
  )

  it.effect("fails for a guest without orders and for a tag without a rule, and names those that there are", () =>
    onDemand(
      Effect.gen(function* () {
        assert.match((yield* Effect.flip(told("nobody"))).message, /no order of the guest nobody is in the marts/)
        assert.match(
          (yield* Effect.flip(told("anna", "супов"))).message,
          /no active rule gives the tag «супов». There are: «Любитель супов», «Сладкоежка»/
        )
        yield* applyRules([])
        assert.match(
          (yield* Effect.flip(told("anna", "супов"))).message,
          /There are no tag rules: npx metka rules apply FILE/
        )
      })
    )
  )
})
