/** What `metka republish` sends, on any database. */
import { assert, layer as withLayer } from "@effect/vitest"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { Topology } from "@metka/core/Topology"
import { cafeOrder } from "@metka/testing/cafe"
import { emptied } from "@metka/testing/databaseLayers"
import { delivered, enrichment, upsertOrders } from "@metka/testing/deliveredOrders"
import { topicRecords } from "@metka/testing/topicRecords"
import { Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import { lackingOrders, leftOutText, republish } from "../src/Republish.ts"

const payload = JSON.stringify(JSON.parse(cafeOrder("ann", 1, "2023-04-01 20:00", ["d1"]).value.toString()).payload)

/** Three orders that no later stage holds; what STG has of the first and of the last cannot be read. */
export const storeUnreadable = upsertOrders(
  [
    { objectId: 1, stored: "{}", enriched: enrichment("Anna") },
    { objectId: 2, stored: payload, enriched: enrichment("Anna") },
    { objectId: 3, stored: payload, enriched: {} }
  ].map(({ enriched, objectId, stored }) =>
    delivered(objectId, 1, { payload: Buffer.from(stored), enrichment: JSON.stringify(enriched) })
  )
)

export const republishContract = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>): void =>
  withLayer(layer, { excludeTestServices: true, timeout: "2 minutes" })(name, (it) => {
    it.effect("orders are sent again beside those that cannot be read, which are told of", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* storeUnreadable
        const leftOut = yield* republish(yield* lackingOrders, () => Effect.void)
        const { stgOrders } = yield* Topology
        assert.deepStrictEqual(
          (yield* topicRecords(stgOrders)).map(({ value }) => JSON.parse(String(value)).object_id),
          [2]
        )
        const remedy =
          "restore its row of stg.order_events from a backup; a newer version of the order replaces it too."
        assert.deepStrictEqual(leftOutText(leftOut), [
          `what STG has stored of order 1 cannot be read (payload: Missing key at ["restaurant"]): ${remedy}`,
          `what STG has stored of order 3 cannot be read (enrichment: Missing key at ["guest"]): ${remedy}`
        ])
      }).pipe(Effect.provide(Layer.mergeAll(KafkaMemory.layer(), Topology.layerDefault())))
    )

    it.effect("what the broker refuses for its size is told of, and the others are sent", () =>
      Effect.gen(function* () {
        yield* emptied
        const long = enrichment("x".repeat(5_000))
        yield* upsertOrders(
          [long, enrichment("Anna")].map((enriched, index) =>
            delivered(index + 1, 1, { payload: Buffer.from(payload), enrichment: JSON.stringify(enriched) })
          )
        )
        const leftOut = yield* republish(yield* lackingOrders, () => Effect.void)
        assert.deepStrictEqual(leftOut, { tooLarge: ["1"], unreadable: [] })
        assert.lengthOf(yield* topicRecords((yield* Topology).stgOrders), 1)
      }).pipe(Effect.provide(Layer.mergeAll(KafkaMemory.layer({ maxMessageBytes: 2_000 }), Topology.layerDefault())))
    )
  })
