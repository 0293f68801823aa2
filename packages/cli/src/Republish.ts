/**
 * Sends again from STG what a later stage lacks, for a topic that lost its tail. DDS publishes again the versions it
 * holds, so what CDM lacks comes back by the same way.
 */
import { counted } from "@metka/console/words"
import { Kafka } from "@metka/core/Kafka"
import { publishIsolated } from "@metka/core/publishIsolated"
import { Topology } from "@metka/core/Topology"
import { readStoredOrder, type StoredTexts, unreadableRemedy } from "@metka/stg/readStoredOrder"
import { type EnrichedOrder, toOutgoing } from "@metka/stg/enrich"
import { Effect, Result } from "effect"
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

/** The orders that were not sent. */
export interface LeftOut {
  /** No broker takes their message; STG put them into the dead letters for it. */
  readonly tooLarge: ReadonlyArray<string>
  /** What STG has stored of them cannot be read. */
  readonly unreadable: ReadonlyArray<{ readonly objectId: string; readonly why: string }>
}

/** Publishes these orders' newest versions with the enrichment they have; `onPage` is told how many were gone through. */
export const republish = Effect.fnUntraced(function* (
  objectIds: ReadonlyArray<string>,
  onPage: (sent: number) => Effect.Effect<void>
) {
  const kafka = yield* Kafka
  const { stgOrders } = yield* Topology
  yield* waitOut(kafka.ensureTopics([stgOrders]))
  const tooLarge: Array<string> = []
  const unreadable: Array<LeftOut["unreadable"][number]> = []
  for (let start = 0; start < objectIds.length; start += pageSize) {
    const page = yield* enrichedOrders(objectIds.slice(start, start + pageSize))
    unreadable.push(...page.unreadable)
    const refused = yield* waitOut(publishIsolated(stgOrders, page.orders, toOutgoing))
    tooLarge.push(...refused.map(({ item }) => String(item.objectId)))
    yield* onPage(Math.min(start + pageSize, objectIds.length))
  }
  const leftOut: LeftOut = { tooLarge, unreadable }
  return leftOut
})

const enrichedOrders = Effect.fnUntraced(function* (objectIds: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ object_id: string; order_version: string } & StoredTexts>`
    select object_id::text as object_id, order_version, payload::text as payload, enrichment::text as enrichment
    from unnest(${objectIds}::bigint[]) as asked (object_id) join stg.order_events using (object_id)
    where enrichment is not null order by order_events.object_id`
  const orders: Array<EnrichedOrder> = []
  const unreadable: Array<LeftOut["unreadable"][number]> = []
  for (const { object_id, order_version: version, ...texts } of rows) {
    const stored = readStoredOrder(texts)
    if (Result.isFailure(stored)) {
      unreadable.push({ objectId: object_id, why: stored.failure })
      continue
    }
    const { enrichment, payload } = stored.success
    if (enrichment === undefined) continue
    orders.push({ objectId: Number(object_id), version, payload, enrichment, traceparent: undefined })
  }
  return { orders, unreadable }
})

/** So many orders that cannot be read are told of one by one: of a wreck there may be all. */
const mostTold = 20

/** Why orders were not sent, and what to do about it. */
export const leftOutText = ({ tooLarge, unreadable }: LeftOut): ReadonlyArray<string> => [
  ...(tooLarge.length > 0
    ? [
        `${counted(tooLarge.length, "order is", "orders are")} too large for the broker: ${tooLarge.join(", ")}. ` +
          "Raise max.message.bytes of the topic and run this again."
      ]
    : []),
  ...unreadable
    .slice(0, mostTold)
    .map(
      ({ objectId, why }) => `what STG has stored of order ${objectId} cannot be read (${why}): ${unreadableRemedy}.`
    ),
  ...(unreadable.length > mostTold
    ? [
        `${counted(unreadable.length - mostTold, "order", "orders")} more that cannot be read: npx metka verify lists them.`
      ]
    : [])
]
