/**
 * Sends again from STG what a later stage lacks, for a topic that lost its tail. DDS publishes again the versions it
 * holds, so what CDM lacks comes back by the same way.
 */
import { Kafka } from "@metka/core/Kafka"
import { decodeSourcePayload } from "@metka/core/messages/SourceOrder"
import { publishIsolated } from "@metka/core/publishIsolated"
import { Topology } from "@metka/core/Topology"
import type { Enrichment } from "@metka/stg/enrich"
import { toOutgoing } from "@metka/stg/Stg"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { waitOut } from "./waitOut.ts"

const pageSize = 2_000

/** The orders whose newest version DDS or CDM does not hold. */
export const lackingOrders = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ object_id: string }>`
    select events.object_id::text as object_id
    from stg.order_events events
    left join dds.h_order hub on hub.order_id = events.object_id
    left join cdm.order_contributions ledger on ledger.order_id = events.object_id::text
    where events.enrichment is not null
      and (hub.order_version is distinct from events.order_version or ledger.order_version is distinct from events.order_version)
    order by events.object_id`
  return rows.map((row) => row.object_id)
})

/**
 * Publishes these orders' newest versions with the enrichment they have; `onPage` is told how many are sent.
 * @returns the ids of the orders whose message no broker takes; STG put them into the dead letters for it
 */
export const republish = Effect.fnUntraced(function* (
  objectIds: ReadonlyArray<string>,
  onPage: (sent: number) => Effect.Effect<void>
) {
  const kafka = yield* Kafka
  const { stgOrders } = yield* Topology
  yield* waitOut(kafka.ensureTopics([stgOrders]))
  const refusedIds: Array<number> = []
  for (let start = 0; start < objectIds.length; start += pageSize) {
    const orders = yield* enrichedOrders(objectIds.slice(start, start + pageSize))
    const refused = yield* waitOut(publishIsolated(stgOrders, orders, toOutgoing))
    refusedIds.push(...refused.map(({ item }) => item.objectId))
    yield* onPage(Math.min(start + pageSize, objectIds.length))
  }
  return refusedIds
})

const enrichedOrders = Effect.fnUntraced(function* (objectIds: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ object_id: string; order_version: string; payload: string; enrichment: string }>`
    select object_id::text as object_id, order_version, payload::text as payload, enrichment::text as enrichment
    from unnest(${objectIds}::bigint[]) as asked (object_id) join stg.order_events using (object_id)
    where enrichment is not null order by order_events.object_id`
  return rows.map((row) => ({
    objectId: Number(row.object_id),
    version: row.order_version,
    payload: decodeSourcePayload(JSON.parse(row.payload)),
    enrichment: JSON.parse(row.enrichment) as Enrichment,
    traceparent: undefined
  }))
})
