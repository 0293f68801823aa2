import { assert, layer } from "@effect/vitest"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })(
  "An order whose row a hand has spoilt",
  (it) => {
    it.effect("stands still when it comes again, and those that come with it go on", () =>
      withMemorySystem(
        {},
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* loadReferences(cafeReferences(["anna"], [{ id: "d1", name: "Борщ", category: "Супы" }]))
          const again = [1, 2, 3].map((id) => cafeOrder("anna", id, "2023-04-01 20:00", ["d1"]))
          yield* send(again)
          yield* settled(0)
          yield* sql`update stg.order_events set enrichment = '{}' where object_id = 1`
          yield* sql`update stg.order_events set enrichment = json_build_object('guest', enrichment->'guest',
          'restaurant', enrichment->'restaurant', 'dishes', json_build_array()) where object_id = 2`
          yield* send([...again, cafeOrder("anna", 4, "2023-04-02 20:00", ["d1"])])
          yield* settled(0)
          const counted = yield* sql<{ count: number }>`select order_cnt as count from cdm.user_category_counters`
          assert.deepStrictEqual(counted, [{ count: 4 }])
          const letters = yield* sql`select reason from ops.dead_letters`
          assert.deepStrictEqual(letters, [], "DDS has got nothing that it cannot read")
        })
      )
    )
  }
)
