import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { Kafka } from "@metka/core/Kafka"
import { Topology } from "@metka/core/Topology"
import { uuidOf } from "@metka/core/Uuid"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { readTagReasons } from "../src/TagReasons.ts"
import { tagReasonsText } from "../src/TagReasonsText.ts"
import { memoryDatabase, withMemorySystem } from "./memorySystem.ts"

const dish = (id: string, name: string, category: string) => ({ _id: id, name, price: 100, category })
const references = new Map(
  [
    ...["anna", "boris"].map((_id) => ({ _id, name: _id, login: _id, update_ts_utc: "2023-03-01 10:00:00" })),
    {
      _id: "cafe",
      name: "Кафе",
      menu: [
        dish("d1", "Борщ", "Супы"),
        dish("d2", "Солянка", "Супы"),
        dish("d3", "Эклер", "Десерты"),
        dish("d4", "Уха", "Супы")
      ],
      update_ts_utc: "2023-03-01 10:00:00"
    }
  ].map((document) => [document._id, JSON.stringify(document)])
)

/** An order of the day and hour `at`, as the app sends it. */
const order = (guest: string, number: number, at: string, dishes: ReadonlyArray<string>, status = "CLOSED") => ({
  key: guest,
  value: Buffer.from(
    JSON.stringify({
      object_id: number,
      object_type: "order",
      sent_dttm: `${at}:00`,
      payload: {
        restaurant: { id: "cafe" },
        date: `${at}:00`,
        user: { id: guest },
        order_items: dishes.map((id) => ({ id, name: id, price: 100, quantity: 1 })),
        bonus_payment: 0,
        cost: 100,
        payment: 100,
        bonus_grant: 0,
        statuses: [],
        final_status: status,
        update_ts: `${at}:${status === "CLOSED" ? "00" : "01"}`
      }
    })
  )
})

const rules = [
  { tag: "Любитель супов", category: "Супы", threshold: 1 },
  { tag: "Сладкоежка", category: "Десерты", threshold: 2 }
]

const timeZone = "Asia/Omsk"
const limit = 20

const told = (guest: string, tag?: string, options = { limit, timeZone }) =>
  Effect.map(readTagReasons(guest, tag, options), (reasons) => tagReasonsText(reasons, timeZone, tag !== undefined))

/** When the tests run is all that differs. */
const withoutTimes = (text: string): string => text.replaceAll(/(given|taken) \d{4}-\d\d-\d\d \d\d:\d\d/g, "$1 <time>")

const onDemand = <A, E, R>(use: Effect.Effect<A, E, R>) =>
  withMemorySystem(
    {},
    Effect.gen(function* () {
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
          "«Любитель супов»: more than 1 order with «Супы» (rule 1); the guest has 2",
          "  order  date              dishes",
          "  10     2023-04-03 02:30  Уха",
          "  9      2023-04-02 02:00  Борщ, Солянка",
          "  given <time> with 2 orders (rule 1)",
          "",
          "Not given:",
          "  «Сладкоежка»: more than 2 orders with «Десерты» (rule 1); the guest has 1"
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
          withoutTimes(yield* told("anna", "Любитель супов")),
          [
            "Guest anna, times in Asia/Omsk",
            "",
            "«Любитель супов»: not given, more than 1 order with «Супы» (rule 1); the guest has 1",
            "  order  date              dishes",
            "  9      2023-04-02 02:00  Борщ, Солянка",
            "  given <time> with 2 orders (rule 1)",
            "  taken <time> with 1 order (rule 1)"
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
        const text = yield* told("anna", "Любитель супов", { limit: 1, timeZone })
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
        yield* (yield* Kafka).publish(cdmStats, [{ key: "anna", value: JSON.stringify([stats]), headers }])
        yield* settled(0)
        assert.match(
          yield* told("anna", "Любитель супов"),
          /the guest has 3\n.*\n.*Уха\n.*Солянка\n {2}cdm-service-stats:\d:\d+:\d+ +2023-01-01 06:00\n/
        )
      })
    )
  )

  it.effect("says so when counter and ledger differ", () =>
    onDemand(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`update cdm.user_category_counters set order_cnt = 7`
        assert.include(yield* told("anna", "Любитель супов"), "The counter says 7, the ledger has 2: npx metka verify")
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
        assert.match((yield* Effect.flip(told("anna", "супов"))).message, /There are no rules/)
      })
    )
  )
})
