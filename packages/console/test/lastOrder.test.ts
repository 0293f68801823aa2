import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { taggedGuests } from "../src/Audiences.ts"
import { membersFrom, type Part, readGuestsAfter } from "../src/GuestList.ts"
import type { LastOrderSpan } from "../src/LastOrder.ts"
import { nearGuests } from "../src/NearGuests.ts"
import { consoleOver, get, wordsOf } from "./browser.ts"

const soups = "Любитель супов"
const nearlyExpert = "Знаток супов"

/** Who has two orders with soup is in both lists. */
const rules = [
  { tag: soups, category: "Супы", threshold: 1 },
  { tag: nearlyExpert, category: "Супы", threshold: 2 }
]

const lists = [
  { path: "/audience", tag: soups, guests: taggedGuests },
  { path: "/near", tag: nearlyExpert, guests: nearGuests }
] as const

/** A guest of both lists with orders in the ledger, of which some have no date. */
const guestOf = Effect.fnUntraced(function* (guest: string, orders: ReadonlyArray<string | null>) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`insert into cdm.guests (user_id, guest_id) values (md5(${guest})::uuid, ${guest})`
  yield* sql`insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
    select md5(${guest})::uuid, tag, category_id, 2, 1, '2023-04-01' from cdm.tag_rules where tag = ${soups}`
  yield* sql`insert into cdm.user_category_counters (user_id, category_id, category_name, order_cnt)
    select md5(${guest})::uuid, category_id, category_name, 2 from cdm.tag_rules where tag = ${soups}`
  for (const [number, date] of orders.entries()) {
    yield* sql`insert into cdm.order_contributions
      (order_id, order_version, user_id, order_dt, product_ids, category_ids, recorded_at)
      values (${`${guest} ${number}`}, '1', md5(${guest})::uuid, ${date}::timestamp,
        array[md5('dish')::uuid], array[md5('category')::uuid], now())`
  }
})

/** Around the midnight of Omsk that 4 April begins with, 18:00 UTC; and one of whose orders none has a date. */
const withGuests = <A, E, R>(zone: string, use: Effect.Effect<A, E, R>) =>
  withMemorySystem(
    {},
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`update bi.settings set time_zone = ${zone}`
      yield* applyRules(rules)
      yield* guestOf("early", ["2023-04-01 10:00"])
      yield* guestOf("before midnight", ["2023-04-03 17:59:59.999", "2023-03-01 10:00", null])
      yield* guestOf("at midnight", ["2023-03-01 10:00", "2023-04-03 18:00"])
      yield* guestOf("late", ["2023-04-05 10:00"])
      yield* guestOf("undated", [null, null])
      return yield* use
    }).pipe(Effect.provide(consoleOver()))
  )

const guestsIn = (guests: (typeof lists)[number]["guests"], tag: string, span: LastOrderSpan, partSize: number) =>
  membersFrom((after) => readGuestsAfter(guests, tag, span, after, partSize)).pipe(
    Stream.map(({ guest }) => guest),
    Stream.runCollect
  )

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("The last order of a guest", (it) => {
  it.effect("is the newest that is CLOSED now and has dishes, whatever their category", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* applyRules(rules)
        yield* loadReferences(
          cafeReferences(
            ["anna"],
            [
              { id: "d1", name: "Борщ", category: "Супы" },
              { id: "d2", name: "Эклер", category: "Десерты" }
            ]
          )
        )
        yield* send([
          cafeOrder("anna", 1, "2023-04-01 20:00", ["d1"]),
          cafeOrder("anna", 2, "2023-04-02 20:00", ["d1"]),
          cafeOrder("anna", 3, "2023-04-03 20:00", ["d2"]),
          cafeOrder("anna", 4, "2023-04-04 20:00", ["d2"]),
          cafeOrder("anna", 5, "2023-04-05 20:00", []),
          cafeOrder("anna", 6, "2023-04-06 20:00", ["d1"], "OPEN")
        ])
        yield* settled(0)
        const last = Effect.forEach(lists, ({ guests, tag }) =>
          Effect.map(readGuestsAfter(guests, tag, {}, null, 10), ({ members }) =>
            members.map(({ lastOrderAt }) => lastOrderAt?.toISOString())
          )
        )
        assert.deepStrictEqual(yield* last, [["2023-04-04T20:00:00.000Z"], ["2023-04-04T20:00:00.000Z"]])
        yield* send([cafeOrder("anna", 4, "2023-04-04 20:00", ["d2"], "CANCELLED")])
        yield* settled(0)
        assert.deepStrictEqual(yield* last, [["2023-04-03T20:00:00.000Z"], ["2023-04-03T20:00:00.000Z"]])
        // The ledger has no guest of an order without dishes; one by another hand might.
        const sql = yield* SqlClient.SqlClient
        yield* sql`update cdm.order_contributions set category_ids = '{}', product_ids = '{}' where order_id = '3'`
        assert.deepStrictEqual(yield* last, [["2023-04-02T20:00:00.000Z"], ["2023-04-02T20:00:00.000Z"]])
      })
    )
  )

  it.effect("was on a day of the business time zone, which begins and ends elsewhere than that of UTC", () =>
    Effect.gen(function* () {
      for (const { guests, tag } of lists) {
        const found = (zone: string, span: LastOrderSpan) => withGuests(zone, guestsIn(guests, tag, span, 10))
        assert.deepStrictEqual(yield* found("Asia/Omsk", { orderedSince: "2023-04-04" }), ["at midnight", "late"])
        assert.deepStrictEqual(yield* found("Asia/Omsk", { notOrderedSince: "2023-04-04" }), [
          "before midnight",
          "early"
        ])
        assert.deepStrictEqual(yield* found("UTC", { orderedSince: "2023-04-04" }), ["late"])
        assert.deepStrictEqual(yield* found("America/New_York", { notOrderedSince: "2023-04-04" }), [
          "at midnight",
          "before midnight",
          "early"
        ])
      }
    })
  )

  it.effect(
    "decides with both days who is in the list, also in the parts after the first; unknown, it is in none",
    () =>
      withGuests(
        "Asia/Omsk",
        Effect.gen(function* () {
          for (const { guests, tag } of lists) {
            for (const partSize of [1, 2, 10]) {
              const found = (span: LastOrderSpan) => guestsIn(guests, tag, span, partSize)
              assert.deepStrictEqual(yield* found({}), ["at midnight", "before midnight", "early", "late", "undated"])
              assert.deepStrictEqual(yield* found({ orderedSince: "2023-04-02" }), [
                "at midnight",
                "before midnight",
                "late"
              ])
              assert.deepStrictEqual(yield* found({ notOrderedSince: "2023-04-05" }), [
                "at midnight",
                "before midnight",
                "early"
              ])
              assert.deepStrictEqual(yield* found({ orderedSince: "2023-04-02", notOrderedSince: "2023-04-05" }), [
                "at midnight",
                "before midnight"
              ])
              assert.deepStrictEqual(yield* found({ orderedSince: "0001-01-01" }), [
                "at midnight",
                "before midnight",
                "early",
                "late"
              ])
              assert.deepStrictEqual(yield* found({ orderedSince: "2023-04-05", notOrderedSince: "2023-04-05" }), [])
            }
          }
        })
      )
  )

  it.effect("is told and limited alike by page, CSV and API; one without a date is told as none", () =>
    withGuests(
      "Asia/Omsk",
      Effect.gen(function* () {
        const span = { orderedSince: "2023-04-02", notOrderedSince: "2023-04-05" }
        for (const { path, tag } of lists) {
          const rows = (query: LastOrderSpan) =>
            Effect.map(get(`${path}.csv`, { tag, ...query }), ({ text }) =>
              text
                .trimEnd()
                .split("\r\n")
                .map((row) => row.split(","))
                .map((cells) => [cells[0], cells.at(-1)])
            )
          assert.deepStrictEqual(yield* rows({}), [
            ["guest", "lastOrderAt"],
            ["at midnight", "2023-04-03T18:00:00.000Z"],
            ["before midnight", "2023-04-03T17:59:59.999Z"],
            ["early", "2023-04-01T10:00:00.000Z"],
            ["late", "2023-04-05T10:00:00.000Z"],
            ["undated", ""]
          ])
          assert.deepStrictEqual(yield* rows(span), [
            ["guest", "lastOrderAt"],
            ["at midnight", "2023-04-03T18:00:00.000Z"],
            ["before midnight", "2023-04-03T17:59:59.999Z"]
          ])
          const api = (query: Readonly<Record<string, string>>) =>
            Effect.map(get(`/api${path}`, { tag, ...query }), ({ text }) => {
              const { members, next }: Part<{ guest: string; lastOrderAt: string | null }> = JSON.parse(text)
              return [...members.map(({ guest, lastOrderAt }) => [guest, lastOrderAt]), next]
            })
          assert.deepStrictEqual(yield* api({ after: "late" }), [["undated", null], null])
          assert.deepStrictEqual(yield* api({ ...span, limit: "1" }), [
            ["at midnight", "2023-04-03T18:00:00.000Z"],
            "at midnight"
          ])
          assert.deepStrictEqual(yield* api({ ...span, limit: "2", after: "at midnight" }), [
            ["before midnight", "2023-04-03T17:59:59.999Z"],
            null
          ])
          const everybody = wordsOf((yield* get(path, { tag })).text)
          assert.match(
            everybody,
            / at midnight .*2023-04-04 00:00 before midnight .*2023-04-03 23:59 early .* no date$/
          )
          const some = wordsOf((yield* get(path, { tag, ...span })).text)
          assert.match(
            some,
            / 2 guests with .* last ordered on 2023-04-02 or later and before 2023-04-05, in Asia\/Omsk\. Their ids/
          )
          assert.match(some, / at midnight .*2023-04-04 00:00 before midnight .*2023-04-03 23:59$/)
        }
      })
    )
  )

  it.effect(
    "is asked for by a form with labels, whose days the links keep; with one day, none, or nobody in them",
    () =>
      withGuests(
        "Asia/Omsk",
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* Effect.forEach(
            Array.from({ length: 50 }, (_, number) => `guest ${number}`),
            (guest) => guestOf(guest, ["2023-04-03 10:00"])
          )
          for (const { path, tag } of lists) {
            const shown = (query: Readonly<Record<string, string>>) =>
              Effect.map(get(path, { tag, ...query }), ({ status, text }) => {
                assert.strictEqual(status, 200)
                return text.replaceAll("&amp;", "&")
              })
            const all = yield* shown({})
            assert.match(
              all,
              new RegExp(`<form action="${path}" method="get"><input type="hidden" name="tag" value="${tag}"`)
            )
            assert.match(
              all,
              /<label>Last order on or after <input type="date" max="9999-12-31" name="orderedSince" value/
            )
            assert.match(
              all,
              /<label>Last order before <input type="date" max="9999-12-31" name="notOrderedSince" value/
            )
            assert.notInclude(all, "Clear the days")
            const days = "orderedSince=2023-04-02&notOrderedSince=2023-04-05"
            const some = yield* shown({ orderedSince: "2023-04-02", notOrderedSince: "2023-04-05" })
            assert.include(wordsOf(some), "52 guests")
            assert.include(wordsOf(some), "Page 1 of 2")
            const links = [...some.matchAll(/href="(.*?)"/g)].map(([, link = ""]) => link)
            const asked = new URLSearchParams({ tag })
            assert.include(links, `${path}?${asked}&${days}&page=2`)
            assert.include(links, `${path}.csv?${asked}&${days}`)
            assert.include(links, `${path}?${asked}`)
            assert.include(some, `name="orderedSince" value="2023-04-02"`)
            assert.include(some, `name="notOrderedSince" value="2023-04-05"`)
            const second = yield* shown({ orderedSince: "2023-04-02", notOrderedSince: "2023-04-05", page: "2" })
            assert.match(wordsOf(second), / guest 8 .* guest 9 .* ← before Page 2 of 2$/)
            const beyond = wordsOf(
              yield* shown({ orderedSince: "2023-04-02", notOrderedSince: "2023-04-05", page: "9" })
            )
            assert.match(beyond, / 52 guests with .* There is no page 9: the last page is page 2$/)
            // As a browser sends the form with one day, and with none.
            const since = yield* shown({ orderedSince: "2023-04-04", notOrderedSince: "" })
            assert.match(wordsOf(since), / 2 guests with .* last ordered on 2023-04-04 or later, in Asia\/Omsk\. /)
            assert.include(since, `${path}.csv?${asked}&orderedSince=2023-04-04"`)
            const neither = wordsOf(yield* shown({ orderedSince: "", notOrderedSince: "" }))
            assert.match(neither, / 55 guests have /)
            const nobody = yield* shown({ notOrderedSince: "2023-01-01" })
            assert.match(
              wordsOf(nobody),
              / 0 guests with .* last ordered before 2023-01-01, in Asia\/Omsk\. .* Clear the days$/
            )
            assert.include(nobody, `name="notOrderedSince" value="2023-01-01"`)
            assert.notInclude(nobody, ".csv")
          }
          yield* sql`truncate cdm.user_tags, cdm.user_category_counters`
          for (const { path, tag } of lists) assert.notInclude((yield* get(path, { tag })).text, "<form")
        })
      )
  )

  it.effect("cannot be asked for by a day that is in no calendar; a program is told of one that is empty too", () =>
    withGuests(
      "Asia/Omsk",
      Effect.gen(function* () {
        for (const { path, tag } of lists) {
          for (const name of ["orderedSince", "notOrderedSince"]) {
            for (const day of [
              "2023-02-29",
              "2023-13-01",
              "0000-01-01",
              "2023-4-1",
              "04.01.2023",
              "2023-04-01T00:00"
            ]) {
              const page = yield* get(path, { tag, [name]: day })
              assert.strictEqual(page.status, 400, `${path} ${name} ${day}`)
              assert.include(wordsOf(page.text), `${name} must be a day of the calendar, as YYYY-MM-DD.`)
            }
            for (const day of ["2023-02-29", ""]) {
              const csv = yield* get(`${path}.csv`, { tag, [name]: day })
              assert.strictEqual(csv.status, 400)
              assert.match(csv.text, new RegExp(`a day of the calendar, as YYYY-MM-DD[^]*"${name}"`))
              const api = yield* get(`/api${path}`, { tag, [name]: day })
              assert.strictEqual(api.status, 400)
              assert.match(api.text, new RegExp(`"${name}".*a day of the calendar, as YYYY-MM-DD`))
            }
          }
          assert.strictEqual((yield* get(path, { tag, orderedSince: "2024-02-29" })).status, 200)
        }
      })
    )
  )

  it.effect("is never left out for a parameter that nobody knows: the list would be everybody's", () =>
    withGuests(
      "Asia/Omsk",
      Effect.gen(function* () {
        for (const { path, tag } of lists) {
          for (const address of [path, `${path}.csv`, `/api${path}`]) {
            const refused = yield* get(address, { tag, ordered_since: "2023-04-01" })
            assert.strictEqual(refused.status, 400, address)
            assert.include(refused.text, "ordered_since")
            assert.match(refused.text, /is not a parameter here; there are: tag, .*orderedSince, notOrderedSince/)
          }
        }
      })
    )
  )

  it.effect("and the days that it can be asked for by are described to machines", () =>
    Effect.gen(function* () {
      const { paths } = JSON.parse((yield* get("/openapi.json")).text)
      for (const { path } of lists) {
        const { parameters, responses } = paths[`/api${path}`].get
        const described = new Map<string, string>(
          parameters.map(({ description, name }: { name: string; description?: string }) => [name, description])
        )
        assert.match(described.get("orderedSince") ?? "", /on this day or later, .* in the business time zone$/)
        assert.match(described.get("notOrderedSince") ?? "", /before this day, .* in the business time zone$/)
        assert.match(JSON.stringify(responses["200"]), /"lastOrderAt":[^]*null where none has a date/)
      }
    }).pipe(Effect.provide(consoleOver()))
  )
})
