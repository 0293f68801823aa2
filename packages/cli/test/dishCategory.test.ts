import { assert, layer } from "@effect/vitest"
import { refresh } from "@metka/cdm/BiRefresh"
import { Kafka } from "@metka/core/Kafka"
import { header } from "@metka/core/messages/headers"
import { Topology } from "@metka/core/Topology"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The menu has it there from now on. */
const move = (category: string) => loadReferences(cafeReferences(["anna"], [{ id: "d1", name: "Окрошка", category }]))

let number = 0
const order = Effect.fnUntraced(function* (day: string, status = "CLOSED") {
  number += 1
  yield* send([cafeOrder("anna", number, `2023-04-${day} 12:00`, ["d1"], status)])
  yield* settled(0)
})

/** What STG sent long ago, and what comes to DDS only now: it says where the dish was then. */
const lateOrder = Effect.fnUntraced(function* (day: string, category: string) {
  number += 1
  const at = `2023-04-${day} 11:00:00`
  const version = `${at}.000000|${at}.000000|${"0".repeat(64)}`
  const value = JSON.stringify({
    object_id: number,
    object_type: "order",
    payload: {
      id: number,
      date: at,
      cost: 100,
      payment: 100,
      status: "CLOSED",
      restaurant: { id: "cafe", name: "Кафе" },
      user: { id: "anna", name: "anna" },
      products: [{ id: "d1", price: 100, quantity: 1, name: "Окрошка", category }]
    }
  })
  const { publish } = yield* Kafka
  yield* publish((yield* Topology).stgOrders, [{ key: "anna", value, headers: { [header.orderVersion]: version } }])
  yield* settled(0)
})

/** Of the dish: over all time, then of each day. */
const categories = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* refresh
  const rows = yield* sql<{ category: string | null }>`
    select category from bi.dishes union all (select category from bi.dish_days order by day)`
  return rows.map(({ category }) => category)
})

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("The category of a dish in BI", (it) => {
  it.effect("is the earlier one again when the dish comes back to it, of all its days", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* move("Супы")
        yield* order("01")
        yield* move("Холодное")
        yield* order("02")
        assert.deepStrictEqual(yield* categories, ["Холодное", "Холодное", "Холодное"])
        yield* move("Супы")
        yield* order("03")
        assert.deepStrictEqual(yield* categories, ["Супы", "Супы", "Супы", "Супы"])
      })
    )
  )

  it.effect("stays when an older order, of another category, comes late", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* move("Супы")
        yield* order("05")
        yield* lateOrder("04", "Холодное")
        // An hour before the newest.
        yield* lateOrder("05", "Холодное")
        assert.deepStrictEqual(yield* categories, ["Супы", "Супы", "Супы"])
        yield* lateOrder("06", "Холодное")
        assert.deepStrictEqual(yield* categories, ["Холодное", "Холодное", "Холодное", "Холодное"])
      })
    )
  )

  it.effect("is not that of an order that does not count, or counts no more", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* move("Супы")
        yield* order("07")
        yield* move("Холодное")
        yield* order("08", "CANCELLED")
        assert.deepStrictEqual(yield* categories, ["Супы", "Супы"])
        yield* order("09")
        assert.deepStrictEqual(yield* categories, ["Холодное", "Холодное", "Холодное"])
        number -= 1
        yield* order("09", "CANCELLED")
        assert.deepStrictEqual(yield* categories, ["Супы", "Супы"])
      })
    )
  )

  it.effect("is that of the newest order that the vault has, also when one that names no order is newer", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* move("Супы")
        yield* order("12")
        yield* move("Холодное")
        yield* order("13")
        yield* move("Супы")
        yield* order("14")
        yield* sql`insert into cdm.order_contributions
          select 'cdm-service-stats:0:5:1', order_version, user_id, order_dt + interval '1 second', product_ids,
            category_ids, recorded_at
          from cdm.order_contributions order by order_dt desc limit 1`
        const [category] = yield* categories
        assert.strictEqual(category, "Супы")
      })
    )
  )

  it.effect("is one that the dish had, where orders came to the marts alone", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* move("Супы")
        yield* order("10")
        yield* move("Холодное")
        yield* order("11")
        yield* sql`update cdm.order_contributions set order_dt = null`
        const [category] = yield* categories
        assert.strictEqual(category, "Холодное")
      })
    )
  )
})
