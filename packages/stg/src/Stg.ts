/** STG: takes orders in raw, as they are; enriches each version once; publishes what DDS needs. */
import { Health } from "@metka/core/Health"
import type * as Kafka from "@metka/core/Kafka"
import type { BadRecord } from "@metka/core/messages/BadRecord"
import * as OrderVersion from "@metka/core/messages/OrderVersion"
import { decodeSourceOrder, decodeSourcePayload, type SourceMessage } from "@metka/core/messages/SourceOrder"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import * as Pipeline from "@metka/core/Pipeline"
import { ReferenceData, type References } from "@metka/core/ReferenceData"
import type { Received } from "@metka/core/Stage"
import { inputsOf, Topology } from "@metka/core/Topology"
import { eachInTurns } from "@metka/core/turns"
import { Effect, Result } from "effect"
import { type Missing, resolve, toOutgoing } from "./enrich.ts"
import * as ParkedOrders from "./ParkedOrders.ts"
import { readStoredEnrichment, unreadableText } from "./readStoredOrder.ts"
import * as Repository from "./StgRepository.ts"

const service = "stg"

/** An order message, and its place among the order's versions. */
export interface OrderMessage extends SourceMessage {
  readonly version: string
}

/**
 * A version of an order with what the references say of it. Of the decoded order nothing is kept: in a backlog that
 * would be most of the memory.
 */
interface Candidate {
  readonly delivered: Repository.DeliveredOrder
  readonly traceparent: string
  readonly found:
    | { readonly _tag: "Enriched"; readonly outgoing: Kafka.OutgoingRecord }
    | { readonly _tag: "Unknown"; readonly missing: Missing }
}

const decode = (record: Kafka.KafkaRecord): Result.Result<OrderMessage, BadRecord> =>
  Result.map(decodeSourceOrder(record.value), ({ order, payload }) => ({
    order,
    payload,
    version: OrderVersion.fromMessage(order.payload.update_ts, order.sent_dttm, record.value ?? new Uint8Array())
  }))

/** The newest version of each order in a batch, by order id. */
export const newestVersions = (received: ReadonlyArray<Received<OrderMessage>>) => {
  const newest = new Map<number, Received<OrderMessage>>()
  for (const candidate of received) {
    const held = newest.get(candidate.message.order.object_id)
    if (held === undefined || held.message.version < candidate.message.version) {
      newest.set(candidate.message.order.object_id, candidate)
    }
  }
  return [...newest.values()].sort((a, b) => a.message.order.object_id - b.message.order.object_id)
}

interface Prepared {
  /** Sorted by order. */
  readonly candidates: ReadonlyArray<Candidate>
  readonly columns: Repository.DeliveredColumns
  /** How many older versions of these orders came in the same batch. */
  readonly superseded: number
}

const lookUp = Effect.fnUntraced(function* (received: ReadonlyArray<Received<OrderMessage>>) {
  const references = yield* ReferenceData
  const health = yield* Health
  const newest = newestVersions(received)
  const known = yield* references.find(
    new Set(newest.map(({ message }) => message.order.payload.user.id)),
    new Set(newest.map(({ message }) => message.order.payload.restaurant.id))
  )
  // For no ids nobody is asked.
  if (newest.length > 0) yield* health.report("redis", "up", service)
  const candidates: Array<Candidate> = []
  yield* eachInTurns(newest, (order) => candidates.push(toCandidate(order, known)))
  const columns = yield* Repository.deliveredColumns(candidates.map(({ delivered }) => delivered))
  const prepared: Prepared = { candidates, columns, superseded: received.length - newest.length }
  return prepared
})

const toCandidate = (
  { message: { order, payload, version }, record, traceparent }: Received<OrderMessage>,
  known: References
): Candidate => {
  const objectId = order.object_id
  const resolution = resolve(order.payload, known)
  const delivered = {
    objectId,
    version,
    sentDttm: fixedWidth(order.sent_dttm),
    payload,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    kafkaTimestamp: record.timestamp
  }
  if (resolution._tag === "Unknown") {
    return { delivered: { ...delivered, enrichment: undefined }, traceparent, found: resolution }
  }
  const { enrichment } = resolution
  const outgoing = toOutgoing({ objectId, version, payload: order.payload, enrichment, traceparent })
  return {
    delivered: { ...delivered, enrichment: JSON.stringify(enrichment) },
    traceparent,
    found: { _tag: "Enriched", outgoing }
  }
}

const store = Effect.fnUntraced(function* ({ candidates, columns, superseded }: Prepared) {
  if (candidates.length === 0) return { outgoing: [], outcomes: { stale: superseded } }
  const passedOver = yield* Repository.upsertOrders(columns)
  const held = yield* storedBefore(
    passedOver.size === 0 ? [] : candidates.filter(({ delivered }) => passedOver.has(delivered.objectId))
  )

  const outgoing: Array<Kafka.OutgoingRecord> = []
  const parked: Array<Repository.ParkedOrder> = []
  const unparked: Array<{ readonly objectId: number; readonly version: string }> = []
  let stale = superseded
  for (const candidate of candidates) {
    const { found, traceparent } = candidate
    const { objectId, version } = candidate.delivered
    const before = held.get(objectId)
    if (passedOver.has(objectId) && before?.version !== version) {
      stale += 1
    } else if (before?.enrichment !== undefined) {
      const again = outgoingAgain(candidate, before.enrichment)
      if (Result.isFailure(again)) {
        yield* Effect.logError(unreadableText(`the order ${objectId}, which came again, is not sent on`, again.failure))
        continue
      }
      outgoing.push(again.success)
      unparked.push({ objectId, version })
    } else if (found._tag === "Enriched") {
      outgoing.push(found.outgoing)
      unparked.push({ objectId, version })
    } else {
      parked.push({ objectId, version, missing: found.missing, traceparent })
    }
  }
  yield* Repository.parkOrders(parked)
  if (unparked.length > 0 && (yield* Repository.hasParkedOrders)) yield* Repository.unparkOrders(unparked)
  return {
    outgoing,
    outcomes: {
      accepted: candidates.length - passedOver.size,
      duplicate: passedOver.size - (stale - superseded),
      parked: parked.length,
      stale
    }
  }
})

/** The record of a version with the enrichment that is held: most often it is what the references say now. */
const outgoingAgain = (
  { delivered, found, traceparent }: Candidate,
  held: string
): Result.Result<Kafka.OutgoingRecord, string> => {
  if (found._tag === "Enriched" && delivered.enrichment === held) return Result.succeed(found.outgoing)
  const payload = decodeSourcePayload(JSON.parse(Buffer.from(delivered.payload).toString("utf8")))
  return Result.map(readStoredEnrichment(held, payload), (enrichment) =>
    toOutgoing({ ...delivered, payload, enrichment, traceparent })
  )
}

/** What was held of orders that the batch did not store; a version that waited for its references gets them now. */
const storedBefore = Effect.fnUntraced(function* (candidates: ReadonlyArray<Candidate>) {
  if (candidates.length === 0) return new Map<number, Repository.HeldOrder>()
  const ids = candidates.map(({ delivered }) => delivered.objectId)
  const held = yield* Repository.heldOrders(ids)
  const enriched = candidates.flatMap(({ delivered: { enrichment, objectId, version } }) => {
    const now = held.get(objectId)
    return now?.version === version && now.enrichment === undefined && enrichment !== undefined
      ? [{ objectId, version, enrichment }]
      : []
  })
  if (enriched.length === 0) return held
  yield* Repository.storeEnrichments(enriched)
  return yield* Repository.heldOrders(ids)
})

/** Without it there is nothing that STG can do: what readiness asks PostgreSQL for. */
export const table = "stg.order_events"

/** STG's stream. */
const orders = Effect.gen(function* () {
  const topology = yield* Topology
  const [topic, group] = inputsOf(topology).stg
  yield* Pipeline.run({
    service,
    isFirst: true,
    topic,
    group,
    output: topology.stgOrders,
    nextGroup: topology.groupDds,
    maxRecords: topology.maxBatchRecords,
    decode,
    enrich: lookUp,
    store
  })
})

/** Runs STG: its stream, and beside it the orders that wait for their references. */
export const run = Effect.all([orders, ParkedOrders.run], { concurrency: "unbounded", discard: true })
