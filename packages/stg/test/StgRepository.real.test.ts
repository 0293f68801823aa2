import { assert, describe, layer } from "@effect/vitest"
import { atTime } from "@metka/testing/atTime"
import { emptied, real } from "@metka/testing/databaseLayers"
import { delivered, enrichment, upsertOrders, version } from "@metka/testing/deliveredOrders"
import { openTransaction, sessionsWaitForLocks } from "@metka/testing/openTransaction"
import { isMissing } from "@metka/testing/realServers"
import { writtenRows } from "@metka/testing/writtenRows"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import * as Repository from "../src/StgRepository.ts"
import { stgMigrations } from "../src/StgSchema.ts"
import { stgRepositoryContract } from "./stgRepositoryContract.ts"

const database = real(stgMigrations)

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  stgRepositoryContract("StgRepository", database)

  layer(database, { excludeTestServices: true })("Two replicas of STG", (it) => {
    it.effect("a due order is taken by one of them, and the other does not wait for it", () =>
      Effect.gen(function* () {
        yield* emptied
        const orders = [1, 2].map((id) => delivered(id, 1))
        yield* upsertOrders(orders)
        yield* Repository.parkOrders(
          orders.map((order) => ({
            ...order,
            missing: { guests: ["u"], restaurants: [], dishes: [] },
            traceparent: ""
          }))
        )
        const later = atTime(Date.now() + 60_000)
        const first = yield* openTransaction(later(Repository.takeDueOrders(1)))
        const second = yield* later(Repository.takeDueOrders(10))
        assert.strictEqual(first.value.length, 1)
        assert.deepStrictEqual([...first.value, ...second].map(({ objectId }) => objectId).sort(), [1, 2])
        yield* first.release
        assert.deepStrictEqual(yield* later(Repository.takeDueOrders(10)), [])
      })
    )

    it.effect("an older version that waited for a newer one changes nothing, and sees the newer one", () =>
      Effect.gen(function* () {
        yield* emptied
        const sql = yield* SqlClient.SqlClient
        const newer = yield* openTransaction(
          upsertOrders([delivered(1, 2, { enrichment: JSON.stringify(enrichment("newer")) })])
        )
        const older = yield* Effect.forkChild(
          sql.withTransaction(Effect.all([upsertOrders([delivered(1, 1)]), Repository.heldOrders([1])]))
        )
        yield* sessionsWaitForLocks(1)
        yield* newer.release
        const [kept, seen] = yield* Fiber.join(older)
        assert.deepStrictEqual(kept, new Set([1]))
        assert.deepStrictEqual(seen.get(1), { version: version(2), enrichment: JSON.stringify(enrichment("newer")) })
      })
    )

    it.effect("a version delivered to both at once is enriched by one of them only", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* upsertOrders([delivered(1, 1)])
        const give = (guest: string) =>
          Repository.storeEnrichments([
            { objectId: 1, version: version(1), enrichment: JSON.stringify(enrichment(guest)) }
          ])
        const first = yield* openTransaction(give("first"))
        const sql = yield* SqlClient.SqlClient
        const second = yield* Effect.forkChild(
          sql.withTransaction(Effect.andThen(give("second"), Repository.heldOrders([1])))
        )
        yield* sessionsWaitForLocks(1)
        yield* first.release
        const before = yield* writtenRows("stg.order_events")
        assert.deepStrictEqual((yield* Fiber.join(second)).get(1)?.enrichment, JSON.stringify(enrichment("first")))
        assert.deepStrictEqual(yield* writtenRows("stg.order_events"), before)
      })
    )

    for (const [what, change] of [
      ["unparks orders", Repository.unparkOrders],
      ["notes what orders miss", Repository.noteMissing]
    ] as const) {
      it.effect(`who ${what} holds none of them while it waits for one before it`, () =>
        Effect.gen(function* () {
          yield* emptied
          const sql = yield* SqlClient.SqlClient
          const missing = (guest: string) => ({ guests: [guest], restaurants: [], dishes: [] })
          // The second lies before the first, and is named before it.
          for (const id of [2, 1]) {
            yield* upsertOrders([delivered(id, 1)])
            yield* Repository.parkOrders([{ ...delivered(id, 1), missing: missing("u"), traceparent: "" }])
          }
          const first = yield* openTransaction(sql`select 1 from stg.parked_orders where object_id = 1 for update`)
          const orders = [2, 1].map((objectId) => ({ objectId, version: version(1), missing: missing("v") }))
          const changing = yield* Effect.forkChild(change(orders))
          yield* sessionsWaitForLocks(1)
          const free = yield* sql`select 1 from stg.parked_orders where object_id = 2 for update skip locked`
          yield* first.release
          yield* Fiber.join(changing)
          assert.strictEqual(free.length, 1)
        })
      )
    }

    it.effect("batches that name the same orders in opposite order do not deadlock", () =>
      Effect.gen(function* () {
        yield* emptied
        const ids = Array.from({ length: 400 }, (_, index) => index + 1)
        for (let round = 1; round <= 5; round++) {
          yield* Effect.all(
            [
              upsertOrders(ids.map((id) => delivered(id, 2 * round))),
              upsertOrders(ids.toReversed().map((id) => delivered(id, 2 * round + 1)))
            ],
            { concurrency: "unbounded" }
          )
        }
        assert.deepStrictEqual(
          new Set([...(yield* Repository.heldOrders(ids)).values()].map((order) => order.version)),
          new Set([version(11)])
        )
      })
    )
  })
})
