/** What STG's SQL promises, on PGlite and on a real server alike. */
import { assert, layer as withLayer } from "@effect/vitest"
import { atTime } from "@metka/testing/atTime"
import { emptied } from "@metka/testing/databaseLayers"
import { delivered, enrichment, upsertOrders, version } from "@metka/testing/deliveredOrders"
import { writtenRows } from "@metka/testing/writtenRows"
import { Effect, type Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Missing } from "../src/enrich.ts"
import * as Repository from "../src/StgRepository.ts"

const missing: Missing = { guests: ["u1"], restaurants: [], dishes: [] }
const parked = (objectId: number, n: number, what: Missing = missing): Repository.ParkedOrder => ({
  objectId,
  version: version(n),
  missing: what,
  traceparent: `trace ${n}`
})

const stored = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{ object_id: string; payload: string; version: string; enrichment: string | null; place: string }>`
    select object_id::text as object_id, payload::text as payload, order_version as version,
      enrichment::text as enrichment, topic || ' ' || partition || ' ' || "offset" as place
    from stg.order_events order by stg.order_events.object_id`
})

const waiting = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{ object_id: string; version: string; attempts: number; next: number; missing: string }>`
    select object_id::text as object_id, order_version as version, attempts, missing::text as missing,
      (extract(epoch from next_attempt_at) * 1000)::float8 as next
    from stg.parked_orders order by stg.parked_orders.object_id`
})

/** Where an order is parked one always has been stored. */
const park = Effect.fnUntraced(function* (objectId: number, n: number) {
  yield* upsertOrders([delivered(objectId, n)])
  yield* Repository.parkOrders([parked(objectId, n)])
})

export const stgRepositoryContract = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>): void =>
  withLayer(layer, { excludeTestServices: true, timeout: "2 minutes" })(name, (it) => {
    it.effect("an older version after a newer one changes no row", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* upsertOrders([delivered(1, 2), delivered(2, 2)])
        const before = yield* writtenRows("stg.order_events")
        assert.deepStrictEqual(yield* upsertOrders([delivered(1, 1), delivered(2, 1)]), new Set([1, 2]))
        assert.deepStrictEqual(yield* writtenRows("stg.order_events"), before)
      })
    )

    it.effect("the same version again changes no row: what is kept is its first delivery", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* upsertOrders([delivered(1, 1, { offset: 7 })])
        const before = yield* writtenRows("stg.order_events")
        const again = delivered(1, 1, { partition: 3, offset: 9, enrichment: JSON.stringify(enrichment("later")) })
        assert.deepStrictEqual(yield* upsertOrders([again]), new Set([1]))
        assert.deepStrictEqual(yield* writtenRows("stg.order_events"), before)
        assert.deepStrictEqual(
          (yield* stored).map((row) => row.place),
          ["orders 0 7"]
        )
      })
    )

    it.effect("a newer version replaces all of the older one, its enrichment too, and its neighbours stay", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* upsertOrders([delivered(1, 1, { enrichment: JSON.stringify(enrichment("old")) }), delivered(2, 3)])
        const kept = yield* upsertOrders([
          delivered(1, 2, { partition: 4 }),
          delivered(2, 2),
          delivered(Number.MAX_SAFE_INTEGER, 1)
        ])
        assert.deepStrictEqual(kept, new Set([2]))
        assert.deepStrictEqual(
          (yield* stored).map((row) => [row.object_id, row.version, row.payload, row.enrichment, row.place]),
          [
            ["1", version(2), '{"n": 2}', null, "orders 4 2"],
            ["2", version(3), '{"n": 3}', null, "orders 0 3"],
            ["9007199254740991", version(1), '{"n": 1}', null, "orders 0 1"]
          ]
        )
      })
    )

    it.effect("versions are compared byte by byte, not by the language of the database", () =>
      Effect.gen(function* () {
        yield* emptied
        const upper = "Z"
        const lower = "a"
        yield* upsertOrders([delivered(1, 1, { version: lower })])
        assert.strictEqual((yield* upsertOrders([delivered(1, 1, { version: upper })])).size, 1)
        assert.strictEqual((yield* upsertOrders([delivered(1, 1, { version: "é" })])).size, 0)
      })
    )

    it.effect.each([
      '{ "cost" : 875.00 ,\t"n":1e2 }',
      '{"a":1,"a":2, "a" : 3}',
      String.raw`{"name":"\u041a\u043e\u0442 \ud83d\ude00 \/ \"","b":"Кот 😀"}`,
      '{\r\n  "empty": {  },\n  "list":[ ]\n}',
      '{"quoted": "it\'s {1,\\"2\\"} \\\\ NULL"}'
    ])("keeps the payload to the byte: %s", (payload) =>
      Effect.gen(function* () {
        yield* emptied
        yield* upsertOrders([delivered(1, 1, { payload: Buffer.from(payload) })])
        assert.deepStrictEqual(
          (yield* stored).map((row) => row.payload),
          [payload]
        )
      })
    )

    it.effect("the enrichment of a version is stored once: the first one given stays", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* upsertOrders([delivered(1, 1), delivered(2, 1, { enrichment: JSON.stringify(enrichment("first")) })])
        const give = (guest: string) =>
          Repository.storeEnrichments(
            [1, 2].map((objectId) => ({ objectId, version: version(1), enrichment: JSON.stringify(enrichment(guest)) }))
          )
        yield* give("second")
        const before = yield* writtenRows("stg.order_events")
        yield* give("third")
        assert.deepStrictEqual(yield* writtenRows("stg.order_events"), before)
        const held = yield* Repository.heldOrders([1, 2, 3])
        assert.deepStrictEqual(held.get(1), { version: version(1), enrichment: JSON.stringify(enrichment("second")) })
        assert.deepStrictEqual(held.get(2), { version: version(1), enrichment: JSON.stringify(enrichment("first")) })
        assert.isFalse(held.has(3))
      })
    )

    it.effect("an enrichment is for its version alone: a newer one that came meanwhile does not get it", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* upsertOrders([delivered(1, 2)])
        yield* Repository.storeEnrichments([
          { objectId: 1, version: version(1), enrichment: JSON.stringify(enrichment("old")) }
        ])
        assert.isUndefined((yield* Repository.heldOrders([1])).get(1)?.enrichment)
      })
    )

    it.effect("of a parked order the newest version waits, from its first attempt on", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* park(1, 2)
        yield* atTime(Date.now() + 2_000)(Repository.takeDueOrders(10))
        yield* Repository.parkOrders([parked(1, 2), parked(2, 1)])
        yield* Repository.parkOrders([parked(1, 1)])
        const [still] = yield* waiting
        assert.deepInclude(still, { version: version(2), attempts: 1 })
        yield* Repository.parkOrders([parked(1, 3)])
        const [newest] = yield* waiting
        assert.deepInclude(newest, { version: version(3), attempts: 0 })
      })
    )

    it.effect("parked orders are counted, and the one that waits longest is told", () =>
      Effect.gen(function* () {
        yield* emptied
        assert.deepStrictEqual(yield* Repository.countParked, { count: 0, due: 0, oldestSeconds: 0 })
        const start = Date.parse("2023-04-08T00:00:00Z")
        yield* atTime(start)(park(1, 1))
        yield* atTime(start + 60_000)(park(2, 1))
        // A newer version waits in the place of the older one: the order has waited all along.
        yield* atTime(start + 70_000)(Repository.parkOrders([parked(1, 2)]))
        assert.deepStrictEqual(yield* atTime(start + 90_500)(Repository.countParked), {
          count: 2,
          due: 2,
          oldestSeconds: 90.5
        })
      })
    )

    it.effect("an order whose next attempt a clock an hour ahead has planned is due, and counted as that", () =>
      Effect.gen(function* () {
        yield* emptied
        const now = Date.parse("2023-04-08T00:00:00Z")
        yield* atTime(now + 3_600_000)(park(1, 1))
        assert.strictEqual((yield* atTime(now)(Repository.countParked)).due, 1)
        const due = yield* atTime(now)(Repository.takeDueOrders(10))
        assert.deepStrictEqual(
          due.map(({ objectId }) => objectId),
          [1]
        )
        assert.strictEqual((yield* atTime(now)(Repository.countParked)).due, 0)
      })
    )

    it.effect("a parked order is tried again after a second, then less and less often, at least every 60 seconds", () =>
      Effect.gen(function* () {
        yield* emptied
        const ids = Array.from({ length: 12 }, (_, index) => index + 1)
        const start = Date.parse("2023-04-08T00:00:00Z")
        yield* atTime(start)(Effect.forEach(ids, (id) => park(id, 1)))
        const waits = new Map<string, Array<number>>(ids.map((id) => [String(id), []]))
        let now = start
        for (let round = 0; round < 14; round++) {
          now += 120_000
          const due = yield* atTime(now)(Repository.takeDueOrders(100))
          assert.deepStrictEqual(
            due.map((order) => order.objectId),
            ids
          )
          for (const row of yield* waiting) waits.get(row.object_id)?.push((row.next - now) / 1_000)
        }
        for (const seconds of waits.values()) {
          assert.isAtMost(seconds[0] ?? 99, 2)
          assert.isAtMost(Math.max(...seconds), 60)
          assert.isAbove(Math.min(...seconds), 0.5)
          assert.isAbove(seconds.at(-1) ?? 0, 30)
          assert.deepStrictEqual(
            seconds,
            seconds.toSorted((a, b) => a - b)
          )
        }
        const last = new Set([...waits.values()].map((seconds) => seconds.at(-1)))
        assert.isAbove(last.size, 5, "orders parked together are spread")
      })
    )

    it.effect("due orders are those whose time has come, at most as many as asked for, and taken once", () =>
      Effect.gen(function* () {
        yield* emptied
        const start = Date.parse("2023-04-08T00:00:00Z")
        const takeAt = (millis: number, limit: number) => atTime(start + millis)(Repository.takeDueOrders(limit))
        yield* atTime(start)(Effect.forEach([1, 2, 3], (id) => park(id, 1)))
        assert.deepStrictEqual(yield* takeAt(999, 10), [])
        const first = yield* takeAt(1_000, 2)
        const second = yield* takeAt(1_000, 2)
        assert.deepStrictEqual([...first, ...second].map((order) => order.objectId).sort(), [1, 2, 3])
        assert.deepStrictEqual(yield* takeAt(1_000, 2), [])
        assert.deepInclude(first[0], {
          version: version(1),
          texts: { payload: '{"n": 1}', enrichment: null },
          traceparent: "trace 1"
        })
      })
    )

    it.effect("unparking an older version does not lose a newer one", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* Repository.parkOrders([parked(1, 2), parked(2, 2), parked(3, 2)])
        yield* Repository.unparkOrders([
          { objectId: 1, version: version(1) },
          { objectId: 2, version: version(2) },
          { objectId: 3, version: version(3) }
        ])
        assert.deepStrictEqual(
          (yield* waiting).map((row) => row.object_id),
          ["1"]
        )
      })
    )

    it.effect("what is missing is noted for the version that was looked up, and only when it differs", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* Repository.parkOrders([parked(1, 1), parked(2, 2)])
        const before = yield* writtenRows("stg.parked_orders")
        yield* Repository.noteMissing([{ objectId: 1, version: version(1), missing }])
        assert.deepStrictEqual(yield* writtenRows("stg.parked_orders"), before)
        const dishes: Missing = { guests: [], restaurants: [], dishes: ["d\"'\\9"] }
        yield* Repository.noteMissing([1, 2].map((objectId) => ({ objectId, version: version(1), missing: dishes })))
        assert.deepStrictEqual(
          (yield* waiting).map((row): unknown => JSON.parse(row.missing)),
          [dishes, missing]
        )
      })
    )

    it.effect("nothing to do is no statement's failure", () =>
      Effect.gen(function* () {
        yield* Repository.storeEnrichments([])
        yield* Repository.parkOrders([])
        yield* Repository.unparkOrders([])
        yield* Repository.noteMissing([])
        assert.strictEqual((yield* Repository.heldOrders([])).size, 0)
      })
    )
  })
