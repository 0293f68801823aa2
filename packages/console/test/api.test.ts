import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { SqlClient } from "effect/sql"
import { ConsoleApi } from "../src/ConsoleApi.ts"
import { readAudiences, taggedGuests } from "../src/Audiences.ts"
import { readCounts } from "../src/Counts.ts"
import { readGuestsAfter } from "../src/GuestList.ts"
import { readReach } from "../src/Reach.ts"
import { readTagReasons } from "../src/TagReasons.ts"
import { address, consoleOver, get } from "./browser.ts"

interface Parameter {
  readonly name: string
  readonly description?: string
  readonly schema: { readonly [keyword: string]: unknown; readonly examples?: ReadonlyArray<string> }
}

const references = cafeReferences(["anna"], [{ id: "d1", name: "Борщ", category: "Супы" }])
const rules = [{ tag: "Любитель супов", category: "Супы", threshold: 1 }]

layer(Layer.mergeAll(consoleOver(), FetchHttpClient.layer).pipe(Layer.provideMerge(memoryDatabase)), {
  excludeTestServices: true,
  timeout: "1 minute"
})("The HTTP API", (it) => {
  it.effect("answers a typed client with what the marts hold", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* applyRules(rules)
        yield* loadReferences(references)
        yield* send([
          cafeOrder("anna", 1, "2023-04-01 20:00", ["d1"]),
          cafeOrder("anna", 2, "2023-04-02 20:00", ["d1"]),
          cafeOrder("zoe", 3, "2023-04-02 20:00", ["d1"]),
          { key: null, value: Buffer.from("{") }
        ])
        yield* settled(1)
        const { marts, operations } = yield* HttpApiClient.make(ConsoleApi, { baseUrl: yield* address })
        const { countedAt } = yield* readCounts
        assert.deepStrictEqual({ ...(yield* marts.counts()), countedAt }, { ...(yield* readCounts), countedAt })
        assert.deepStrictEqual(yield* marts.audiences(), yield* readAudiences)
        assert.deepStrictEqual(yield* marts.reach(), yield* readReach)
        const [tag = ""] = rules.map((rule) => rule.tag)
        const { members } = yield* marts.audience({ query: { tag, limit: 10 } })
        assert.deepStrictEqual(members, (yield* readGuestsAfter(taggedGuests, tag, {}, null, 10)).members)
        assert.deepStrictEqual(
          members.map(({ guest, orderCount }) => [guest, orderCount]),
          [["anna", 2]]
        )
        assert.deepStrictEqual(yield* marts.near({ query: { tag, limit: 10 } }), { members: [], next: null })
        yield* applyRules([{ tag: "Знаток супов", category: "Супы", threshold: 2 }, ...rules])
        assert.deepStrictEqual(yield* marts.near({ query: { tag: "Знаток супов", limit: 10 } }), {
          members: [{ guest: "anna", orderCount: 2, lastOrderAt: new Date("2023-04-02T20:00:00Z") }],
          next: null
        })
        const reasons = yield* marts.guest({ query: { id: "anna", limit: 20 } })
        assert.deepStrictEqual(reasons, yield* readTagReasons("anna", undefined, 20))
        assert.strictEqual((yield* marts.guest({ query: { id: "anna", tag, limit: 1 } })).tags[0]?.orders.length, 1)
        const parked = yield* operations.parked({ query: { limit: 20 } })
        assert.deepStrictEqual(
          parked.oldest.map(({ missing, orderId }) => [orderId, missing.guests]),
          [["3", ["zoe"]]]
        )
        const letters = yield* operations.deadLetters({ query: { limit: 5 } })
        assert.deepStrictEqual(
          letters.newest.map(({ reason, service }) => [service, reason]),
          [["stg", "not_json"]]
        )
        assert.deepStrictEqual(yield* operations.services(), [])
        const { headers, text } = yield* get("/api/guest", { id: "anna" })
        const times = [...text.matchAll(/"(?:at|date)":"(.*?)"/g)].map(([, time]) => time)
        assert.isAbove(times.length, 2, "orders and a giving")
        for (const time of times) assert.match(time ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        assert.strictEqual(headers.get("cache-control"), "no-store")
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
      })
    )
  )

  it.effect("says what is not there, and what cannot be asked", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { marts } = yield* HttpApiClient.make(ConsoleApi, { baseUrl: yield* address })
        assert.strictEqual((yield* Effect.flip(marts.guest({ query: { id: "anna", limit: 20 } })))._tag, "GuestUnknown")
        assert.strictEqual(
          (yield* Effect.flip(marts.audience({ query: { tag: "none", limit: 1 } })))._tag,
          "UnknownTag"
        )
        assert.strictEqual((yield* get("/api/guest", { id: "anna" })).status, 404)
        assert.strictEqual((yield* get("/api/guest", { id: "a\u0000" })).status, 400)
        const nobody = yield* get("/api/guest")
        assert.strictEqual(nobody.status, 400)
        assert.match(nobody.text, /"status":400/)
        assert.match(nobody.text, /"errors":.*"id"/)
        assert.strictEqual((yield* get("/api/parked", { limit: "1001" })).status, 400)
      })
    )
  )

  it.effect("tells what failed as RFC 9457 has it, with the failure's own fields beside", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { headers, text } = yield* get("/api/guest", { id: "anna" })
        assert.strictEqual(headers.get("content-type"), "application/problem+json")
        const { detail, message, ...problem } = JSON.parse(text)
        assert.deepStrictEqual(problem, {
          _tag: "GuestUnknown",
          guest: "anna",
          type: "about:blank",
          title: "Not Found",
          status: 404
        })
        assert.isString(message)
        assert.strictEqual(detail, message)
        const { status, text: unfound, ...answer } = yield* get("/api/nothing")
        assert.strictEqual(status, 404)
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        assert.include(JSON.parse(unfound), { title: "Not Found", detail: "/openapi.json lists what there is" })
      })
    )
  )

  it.effect("has no list of those near a tag that a first order gives, nor near one that no rule gives any more", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* applyRules(rules)
        yield* applyRules([{ tag: "Гурман", category: "Стейки", threshold: 0 }])
        const { marts } = yield* HttpApiClient.make(ConsoleApi, { baseUrl: yield* address })
        const near = (tag: string) => Effect.flip(marts.near({ query: { tag, limit: 1 } }))
        const everybody = yield* near("Гурман")
        assert.strictEqual(everybody._tag, "EverybodyIsNear")
        assert.match(everybody.message, /Take the app's own list of guests, and leave out those with the tag$/)
        const { status, text } = yield* get("/api/near", { tag: "Гурман" })
        assert.strictEqual(status, 404)
        assert.match(text, /leave out those with the tag/)
        assert.strictEqual((yield* near("none"))._tag, "UnknownTag")
        const [retired = ""] = rules.map((rule) => rule.tag)
        assert.strictEqual((yield* near(retired))._tag, "UnknownTag")
        assert.strictEqual((yield* get("/api/near", { tag: "none" })).status, 404)
      })
    )
  )

  it.effect("gives those who lack one order in portions of 1,000 unless told", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* applyRules(rules)
        const [tag = ""] = rules.map((rule) => rule.tag)
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.user_category_counters (user_id, category_id, category_name, order_cnt)
          select ('00000000-0000-5000-8000-' || lpad(number::text, 12, '0'))::uuid, category_id, category_name, 1
          from cdm.tag_rules, generate_series(1, 1005) as number`
        const first = JSON.parse((yield* get("/api/near", { tag })).text)
        assert.strictEqual(first.members.length, 1_000)
        assert.strictEqual(first.next, "00000000-0000-5000-8000-000000001000")
        const { marts } = yield* HttpApiClient.make(ConsoleApi, { baseUrl: yield* address })
        const second = yield* marts.near({ query: { tag, after: first.next, limit: 1_000 } })
        assert.deepStrictEqual(
          second.members.map(({ guest }) => Number(guest.slice(-4))),
          [1_001, 1_002, 1_003, 1_004, 1_005]
        )
        assert.isNull(second.next)
      })
    )
  )

  it.effect("gives an audience and lists in portions: 20 unless told, an audience of 1,000", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* applyRules(rules)
        const [tag = ""] = rules.map((rule) => rule.tag)
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
          select ('00000000-0000-5000-8000-' || lpad(number::text, 12, '0'))::uuid, tag, category_id, 3, 1, now()
          from cdm.tag_rules, generate_series(1, 1005) as number`
        const first = JSON.parse((yield* get("/api/audience", { tag })).text)
        assert.strictEqual(first.members.length, 1_000)
        assert.strictEqual(first.next, "00000000-0000-5000-8000-000000001000")
        const { marts } = yield* HttpApiClient.make(ConsoleApi, { baseUrl: yield* address })
        const second = yield* marts.audience({ query: { tag, after: first.next, limit: 1_000 } })
        assert.deepStrictEqual(
          second.members.map(({ guest }) => Number(guest.slice(-4))),
          [1_001, 1_002, 1_003, 1_004, 1_005]
        )
        assert.isNull(second.next)
        yield* sql`insert into ops.dead_letters
          (service, topic, partition, "offset", kafka_timestamp, headers, reason, detail, received_at, closed_at)
          select 'dds', 'stg-service-orders', 0, number, now(), '{}', 'schema', '', now(),
            case when number > 30 then now() end
          from generate_series(1, 60) as number`
        const letters = JSON.parse((yield* get("/api/dead-letters")).text)
        assert.strictEqual(letters.newest.length, 20)
        assert.strictEqual(letters.total, 30)
      })
    )
  )

  it.effect("tells of a rule's window wherever it tells of the rule", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const window = { days: 2, exitThreshold: 0 }
        const lately = { tag: "Ест супы", category: "Супы", threshold: 1, window }
        yield* applyRules([lately, ...rules])
        yield* loadReferences(references)
        yield* send([
          cafeOrder("anna", 1, "2023-04-01 20:00", ["d1"]),
          cafeOrder("anna", 2, "2023-04-03 19:00", ["d1"])
        ])
        yield* settled(0)
        yield* send([cafeOrder("anna", 3, "2023-04-05 12:00", ["d1"])])
        yield* settled(0)
        const { marts } = yield* HttpApiClient.make(ConsoleApi, { baseUrl: yield* address })
        assert.deepStrictEqual(
          (yield* marts.audiences()).map((audience) => [audience.tag, audience.window]),
          [
            [lately.tag, window],
            ["Любитель супов", null]
          ]
        )
        const { categories, otherRules } = yield* marts.reach()
        assert.deepStrictEqual(otherRules, [lately])
        assert.deepStrictEqual(
          categories.map((category) => category.rules),
          [rules.map(({ tag, threshold }) => ({ tag, threshold }))]
        )
        const { members } = yield* marts.audience({ query: { tag: lately.tag, limit: 10 } })
        assert.deepStrictEqual(
          members.map(({ guest, orderCount }) => [guest, orderCount]),
          [["anna", 2]]
        )
        const [windowed, always] = (yield* marts.guest({ query: { id: "anna", limit: 10 } })).tags
        assert.deepStrictEqual(windowed?.window, {
          ...window,
          orderCount: 2,
          from: new Date("2023-04-03T12:00:00Z"),
          until: new Date("2023-04-05T12:00:00Z"),
          isMet: true
        })
        assert.strictEqual(windowed?.orderCount, 3)
        assert.deepStrictEqual(
          windowed?.orders.map(({ isCounted, orderId }) => [orderId, isCounted]),
          [
            ["3", true],
            ["2", true],
            ["1", false]
          ]
        )
        assert.deepStrictEqual(
          windowed?.events.map((event) => [event.action, event.orderCount, event.window]),
          [["given", 2, window]]
        )
        assert.isNull(always?.window)
        assert.isTrue(always?.orders.every(({ isCounted }) => isCounted))
        assert.deepStrictEqual(
          always?.events.map((event) => event.window),
          [null]
        )
      })
    )
  )

  it.effect("tells machines what it answers", () =>
    Effect.gen(function* () {
      const described = JSON.parse((yield* get("/openapi.json")).text)
      assert.deepStrictEqual(Object.keys(described.paths).toSorted(), [
        "/api/audience",
        "/api/audiences",
        "/api/counts",
        "/api/dead-letters",
        "/api/guest",
        "/api/near",
        "/api/parked",
        "/api/reach",
        "/api/services"
      ])
      const changing = Object.values<object>(described.paths).flatMap((path) =>
        Object.keys(path).filter((method) => method !== "get")
      )
      assert.deepStrictEqual(changing, [])
    })
  )

  it.effect("tells machines what each parameter means, and of a number its limits and what it is unless given", () =>
    Effect.gen(function* () {
      const { paths } = JSON.parse((yield* get("/openapi.json")).text)
      const parametersOf = (path: string): ReadonlyArray<Parameter> => paths[path].get.parameters
      for (const path of Object.keys(paths)) {
        for (const { description = "", name } of parametersOf(path)) assert.isNotEmpty(description, `${path} ${name}`)
      }
      const limitOf = (path: string) => parametersOf(path).find(({ name }) => name === "limit")?.schema
      const list = { type: "integer", minimum: 1, maximum: 1_000, default: 20 }
      assert.deepStrictEqual(limitOf("/api/guest"), list)
      assert.deepStrictEqual(limitOf("/api/parked"), list)
      assert.deepStrictEqual(limitOf("/api/dead-letters"), list)
      assert.deepStrictEqual(limitOf("/api/audience"), { ...list, maximum: 10_000, default: 1_000 })
      assert.deepStrictEqual(limitOf("/api/near"), { ...list, maximum: 10_000, default: 1_000 })
      assert.deepStrictEqual(
        parametersOf("/api/guest").map(({ schema }) => schema.examples?.length ?? 0),
        [1, 1, 0]
      )
    })
  )
})
