/** What the retry of parked orders promises, on any database. */
import { assert, layer as withLayer } from "@effect/vitest"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import * as MemoryReferenceData from "@metka/core/MemoryReferenceData"
import { Topology } from "@metka/core/Topology"
import { loadReferences } from "@metka/testing/againstOracle"
import { atTime } from "@metka/testing/atTime"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { emptied } from "@metka/testing/databaseLayers"
import { delivered, enrichment, upsertOrders, version } from "@metka/testing/deliveredOrders"
import { eventuallyTrue } from "@metka/testing/eventually"
import { topicRecords } from "@metka/testing/topicRecords"
import { Effect, Layer, Logger } from "effect"
import { SqlClient } from "effect/sql"
import * as ParkedOrders from "../src/ParkedOrders.ts"
import * as Repository from "../src/StgRepository.ts"

const payload = JSON.stringify(JSON.parse(cafeOrder("ann", 1, "2023-04-01 20:00", ["d1"]).value.toString()).payload)

/** Parked a minute ago: due at once. */
const park = (objectId: number, stored: string, enriched: object | undefined) =>
  Effect.gen(function* () {
    const order = delivered(objectId, 1, {
      payload: Buffer.from(stored),
      enrichment: enriched === undefined ? undefined : JSON.stringify(enriched)
    })
    yield* upsertOrders([order])
    yield* Repository.parkOrders([
      { objectId, version: version(1), missing: { guests: ["ann"], restaurants: [], dishes: [] }, traceparent: "" }
    ])
  }).pipe(atTime(Date.now() - 60_000))

const parkedIds = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ object_id: string }>`
    select object_id::text as object_id from stg.parked_orders order by stg.parked_orders.object_id`
  return rows.map((row) => row.object_id)
})

export const parkedOrdersContract = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>): void =>
  withLayer(layer, { excludeTestServices: true, timeout: "2 minutes" })(name, (it) => {
    it.effect("orders that are due go on beside those that cannot be read, which wait and are told of", () => {
      const lines: Array<string> = []
      const keep = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      return Effect.gen(function* () {
        yield* emptied
        yield* loadReferences(cafeReferences(["ann"], [{ id: "d1", name: "Суп", category: "Супы" }]))
        yield* park(1, "{}", undefined)
        yield* park(2, payload, undefined)
        yield* park(3, payload, { ...enrichment("Anna"), dishes: [] })
        yield* park(4, payload, enrichment("Anna"))
        const { stgOrders } = yield* Topology
        yield* Effect.forkScoped(ParkedOrders.run)
        yield* eventuallyTrue(
          "only those that cannot be read wait",
          Effect.map(parkedIds, (ids) => ids.join() === "1,3")
        )
        const sent = (yield* topicRecords(stgOrders)).map(({ value }) => JSON.parse(String(value)).object_id)
        assert.deepStrictEqual(sent.sort(), [2, 4])
        // Each round says so again.
        assert.deepStrictEqual(
          [...new Set(lines)],
          [
            "Error the parked order 1 waits on, since what STG has stored of it cannot be read " +
              '(payload: Missing key at ["restaurant"]): restore its row of stg.order_events from a backup; ' +
              "a newer version of the order replaces it too. 1 more of this round wait likewise: npx metka verify names all of them"
          ]
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.mergeAll(KafkaMemory.layer(), MemoryReferenceData.layer, Topology.layerDefault(), Logger.layer([keep]))
        )
      )
    })
  })
