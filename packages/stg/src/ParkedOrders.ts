/**
 * The retry of parked orders: whichever replica is free takes those that are due, looks their references up again,
 * stores the enrichment, publishes, and only then lets them go. A crash in between repeats the publishing, with the
 * enrichment that was stored.
 */
import { Kafka } from "@metka/core/Kafka"
import { decodeSourcePayload } from "@metka/core/messages/SourceOrder"
import * as Metrics from "@metka/core/Metrics"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { resolve } from "./enrich.ts"
import { toOutgoing } from "./Stg.ts"
import * as Repository from "./StgRepository.ts"

const batchSize = 500

/** One round over the orders that are due. Returns how many were taken. */
export const retryDueOrders = Effect.gen(function* () {
  const kafka = yield* Kafka
  const references = yield* ReferenceData
  const sql = yield* SqlClient.SqlClient
  const { stgOrders } = yield* Topology

  const due = (yield* Repository.takeDueOrders(batchSize)).map((order) => ({
    ...order,
    payload: decodeSourcePayload(JSON.parse(order.payload))
  }))
  if (due.length === 0) return 0
  const known = yield* references.find(
    new Set(due.map(({ payload }) => payload.user.id)),
    new Set(due.map(({ payload }) => payload.restaurant.id))
  )
  const looked = due.map((order) => ({ order, resolution: resolve(order.payload, known) }))
  yield* sql.withTransaction(
    Effect.andThen(
      Repository.storeEnrichments(
        looked.flatMap(({ order, resolution }) =>
          resolution._tag === "Enriched" ? [{ ...order, enrichment: resolution.enrichment }] : []
        )
      ),
      Repository.noteMissing(
        looked.flatMap(({ order, resolution }) =>
          resolution._tag === "Unknown" ? [{ ...order, missing: resolution.missing }] : []
        )
      )
    )
  )
  const held = yield* Repository.heldOrders(due.map(({ objectId }) => objectId))
  const ready = due.flatMap((order) => {
    const now = held.get(order.objectId)
    return now?.version === order.version && now.enrichment !== undefined
      ? [{ ...order, enrichment: now.enrichment }]
      : []
  })
  if (ready.length > 0) {
    yield* kafka.publish(stgOrders, ready.map(toOutgoing))
    yield* Repository.unparkOrders(ready)
  }
  return due.length
}).pipe(Effect.withSpan("retry parked orders", { root: true }))

/** Retries for as long as the service runs. An outage here shows in the pipeline's readiness; the next round tries again. */
export const run = Effect.gen(function* () {
  const round = Effect.repeat(retryDueOrders, { while: (taken) => taken === batchSize }).pipe(
    Effect.andThen(Repository.countParked),
    Effect.flatMap(Metrics.setParkedOrders),
    Effect.catch((error) => Effect.logDebug(`parked orders wait for the next round: ${error.message}`))
  )
  yield* Effect.repeat(round, Schedule.spaced("1 second"))
})
