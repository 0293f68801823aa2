/** DDS: puts enriched orders into the Data Vault; publishes what each version contributes to the marts. */
import type * as Kafka from "@metka/core/Kafka"
import type { BadRecord } from "@metka/core/messages/BadRecord"
import { header, readHeader, readOrderVersion, readReferenceVersion } from "@metka/core/messages/headers"
import { decodeStgOrder } from "@metka/core/messages/StgOrder"
import * as Pipeline from "@metka/core/Pipeline"
import { Topology } from "@metka/core/Topology"
import { Effect, Result } from "effect"
import * as Repository from "./DdsRepository.ts"
import { contributions, orderKey, rounds, vaultRows, type VersionedOrder } from "./vault.ts"

const decode = (record: Kafka.KafkaRecord): Result.Result<VersionedOrder, BadRecord> =>
  Result.all({
    order: Result.map(decodeStgOrder(record.value), ({ value }) => value),
    orderVersion: readOrderVersion(record),
    userLogin: readHeader(record, header.userLogin),
    userVersion: readReferenceVersion(record, header.userVersion),
    restaurantVersion: readReferenceVersion(record, header.restaurantVersion)
  })

type TracedOrder = VersionedOrder & { readonly traceparent: string }

interface Prepared {
  readonly rounds: ReadonlyArray<ReadonlyArray<TracedOrder>>
  readonly count: number
}

const prepare = (received: ReadonlyArray<Pipeline.Received<VersionedOrder>>): Prepared => ({
  rounds: rounds(received.map(({ message, traceparent }) => ({ ...message, traceparent }))),
  count: received.length
})

const toOutgoing = (order: TracedOrder): Kafka.OutgoingRecord => ({
  key: order.order.payload.user.id,
  value: JSON.stringify(contributions(order.order)),
  headers: {
    [header.orderVersion]: order.orderVersion,
    [header.orderId]: String(order.order.object_id),
    [header.orderDate]: order.order.payload.date,
    [header.restaurantVersion]: order.restaurantVersion,
    [header.traceparent]: order.traceparent
  }
})

/** Takes in what is newer than the vault holds; says what it took in and what it holds already. */
const takeRound = Effect.fnUntraced(function* (orders: ReadonlyArray<TracedOrder>, source: string) {
  const rows = vaultRows(orders)
  const taken = yield* Repository.takeOrders(rows.orders, source)
  const again = rows.orders.filter((order) => !taken.has(order.pk))
  const held = again.length === 0 ? new Map<string, string>() : yield* Repository.heldVersions(again)
  const fresh = orders.filter((order) => taken.has(orderKey(order.order.object_id)))
  if (fresh.length > 0) {
    const freshRows = fresh.length === orders.length ? rows : vaultRows(fresh)
    yield* Repository.insertThings(freshRows, source)
    yield* Repository.insertOrderDetails(freshRows.orders, taken, source)
  }
  const duplicates = orders.filter((order) => held.get(orderKey(order.order.object_id)) === order.orderVersion)
  return { fresh, duplicates }
})

const store = (source: string) =>
  Effect.fnUntraced(function* ({ count, rounds }: Prepared) {
    const outgoing: Array<Kafka.OutgoingRecord> = []
    let accepted = 0
    let duplicate = 0
    for (const round of rounds) {
      const { duplicates, fresh } = yield* takeRound(round, source)
      // A version that is held already is published again: its first publishing may have been lost.
      for (const order of [...duplicates, ...fresh]) outgoing.push(toOutgoing(order))
      accepted += fresh.length
      duplicate += duplicates.length
    }
    return { outgoing, outcomes: { accepted, duplicate, stale: count - accepted - duplicate } }
  })

/** Runs DDS's stream of enriched orders. */
export const run = Effect.gen(function* () {
  const topology = yield* Topology
  yield* Pipeline.run({
    service: "dds",
    topic: topology.stgOrders,
    group: topology.groupDds,
    output: topology.cdmStats,
    maxRecords: topology.maxBatchRecords,
    decode,
    enrich: (received: ReadonlyArray<Pipeline.Received<VersionedOrder>>) => Effect.sync(() => prepare(received)),
    store: store(topology.stgOrders)
  })
})
