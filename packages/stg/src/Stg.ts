/** STG: takes orders in raw, as they are; enriches each version once; publishes what DDS needs. */
import type * as Kafka from "@metka/core/Kafka"
import * as OrderVersion from "@metka/core/messages/OrderVersion"
import { header } from "@metka/core/messages/headers"
import { decodeSourceOrder, type SourceOrder } from "@metka/core/messages/SourceOrder"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import * as Pipeline from "@metka/core/Pipeline"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import { Effect, Result } from "effect"
import { enrich, type Enrichment, resolve, type Resolution } from "./enrich.ts"
import * as Repository from "./StgRepository.ts"

/** An order message: its value, its raw text, its place among the order's versions. */
export interface OrderMessage {
  readonly order: SourceOrder
  readonly text: string
  readonly version: string
}

interface Candidate {
  readonly received: Pipeline.Received<OrderMessage>
  readonly resolution: Resolution
}

const decode = (record: Kafka.KafkaRecord) =>
  Result.map(decodeSourceOrder(record.value), ({ text, value: order }): OrderMessage => ({
    order,
    text,
    version: OrderVersion.fromMessage(order.payload.update_ts, order.sent_dttm, record.value ?? new Uint8Array())
  }))

/** The newest version of each order in a batch, by order id. */
export const newestVersions = (received: ReadonlyArray<Pipeline.Received<OrderMessage>>) => {
  const newest = new Map<number, Pipeline.Received<OrderMessage>>()
  for (const candidate of received) {
    const held = newest.get(candidate.message.order.object_id)
    if (held === undefined || held.message.version < candidate.message.version) {
      newest.set(candidate.message.order.object_id, candidate)
    }
  }
  return [...newest.values()].sort((a, b) => a.message.order.object_id - b.message.order.object_id)
}

const lookUp = Effect.fnUntraced(function* (received: ReadonlyArray<Pipeline.Received<OrderMessage>>) {
  const references = yield* ReferenceData
  const newest = newestVersions(received)
  const known = yield* references.find(
    new Set(newest.map(({ message }) => message.order.payload.user.id)),
    new Set(newest.map(({ message }) => message.order.payload.restaurant.id))
  )
  return {
    superseded: received.length - newest.length,
    candidates: newest.map((candidate): Candidate => ({
      received: candidate,
      resolution: resolve(candidate.message.order.payload, known)
    }))
  }
})

const enrichmentOf = (resolution: Resolution): Enrichment | undefined =>
  resolution._tag === "Enriched" ? resolution.enrichment : undefined

/** The record for `stg-service-orders`. */
export const toOutgoing = (
  order: Omit<Repository.EnrichedOrder, "payload"> & {
    readonly payload: SourceOrder["payload"]
    /** What is sent for no message, but because an operator asked for it, has none. */
    readonly traceparent: string | undefined
  }
): Kafka.OutgoingRecord => ({
  key: order.payload.user.id,
  value: JSON.stringify(enrich(order.objectId, order.payload, order.enrichment)),
  headers: {
    [header.orderVersion]: order.version,
    [header.userLogin]: order.enrichment.guest.login,
    [header.userVersion]: order.enrichment.guest.version,
    [header.restaurantVersion]: order.enrichment.restaurant.version,
    ...(order.traceparent === undefined ? {} : { [header.traceparent]: order.traceparent })
  }
})

const store = Effect.fnUntraced(function* ({
  candidates,
  superseded
}: {
  readonly candidates: ReadonlyArray<Candidate>
  readonly superseded: number
}) {
  if (candidates.length === 0) return { outgoing: [], outcomes: { stale: superseded } }
  const stored = yield* Repository.upsertOrders(
    candidates.map(({ received: { message, record }, resolution }) => ({
      objectId: message.order.object_id,
      version: message.version,
      sentDttm: fixedWidth(message.order.sent_dttm),
      text: message.text,
      topic: record.topic,
      partition: record.partition,
      offset: record.offset,
      kafkaTimestamp: record.timestamp,
      enrichment: enrichmentOf(resolution)
    }))
  )
  const again = candidates.filter(({ received }) => !stored.has(received.message.order.object_id))
  const held = yield* storedBefore(again)

  const outgoing: Array<Kafka.OutgoingRecord> = []
  const parked: Array<Repository.ParkedOrder> = []
  const unparked: Array<{ readonly objectId: number; readonly version: string }> = []
  let stale = superseded
  for (const {
    received: { message, traceparent },
    resolution
  } of candidates) {
    const { object_id: objectId, payload } = message.order
    const now = stored.has(objectId)
      ? { version: message.version, enrichment: enrichmentOf(resolution) }
      : held.get(objectId)
    if (now === undefined || now.version !== message.version) {
      stale += 1
    } else if (now.enrichment !== undefined) {
      outgoing.push(
        toOutgoing({ objectId, version: message.version, payload, enrichment: now.enrichment, traceparent })
      )
      unparked.push({ objectId, version: message.version })
    } else if (resolution._tag === "Unknown") {
      parked.push({ objectId, version: message.version, missing: resolution.missing, traceparent })
    }
  }
  yield* Repository.parkOrders(parked)
  if (unparked.length > 0 && (yield* Repository.hasParkedOrders)) yield* Repository.unparkOrders(unparked)
  return {
    outgoing,
    outcomes: {
      accepted: stored.size,
      duplicate: candidates.length - stored.size - (stale - superseded),
      parked: parked.length,
      stale
    }
  }
})

/** What was held of orders that the batch did not store; a version that waited for its references gets them now. */
const storedBefore = Effect.fnUntraced(function* (candidates: ReadonlyArray<Candidate>) {
  if (candidates.length === 0) return new Map<number, Repository.HeldOrder>()
  const ids = candidates.map(({ received }) => received.message.order.object_id)
  const held = yield* Repository.heldOrders(ids)
  const found = candidates.flatMap(({ received: { message }, resolution }) => {
    const now = held.get(message.order.object_id)
    return now?.version === message.version && now.enrichment === undefined && resolution._tag === "Enriched"
      ? [{ objectId: message.order.object_id, version: message.version, enrichment: resolution.enrichment }]
      : []
  })
  if (found.length === 0) return held
  yield* Repository.storeEnrichments(found)
  return yield* Repository.heldOrders(ids)
})

/** Runs STG's stream of orders. */
export const run = Effect.gen(function* () {
  const topology = yield* Topology
  yield* Pipeline.run({
    service: "stg",
    topic: topology.orders,
    group: topology.groupStg,
    output: topology.stgOrders,
    maxRecords: topology.maxBatchRecords,
    decode,
    enrich: lookUp,
    store
  })
})
