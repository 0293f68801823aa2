/** DDS: puts enriched orders into the Data Vault; publishes what each version contributes to the marts. */
import type * as Kafka from "@metka/core/Kafka"
import { header, readHeader, readOrderVersion, readReferenceVersion } from "@metka/core/messages/headers"
import { decodeStgOrder } from "@metka/core/messages/StgOrder"
import * as Pipeline from "@metka/core/Pipeline"
import { Topology } from "@metka/core/Topology"
import { Effect, Result } from "effect"
import * as Repository from "./DdsRepository.ts"
import { contributions, newestVersions, orderKey, type VaultRows, vaultRows, type VersionedOrder } from "./vault.ts"

const decode = (record: Kafka.KafkaRecord) =>
  Result.gen(function* () {
    const { value: order } = yield* decodeStgOrder(record.value)
    return {
      order,
      orderVersion: yield* readOrderVersion(record),
      userLogin: yield* readHeader(record, header.userLogin),
      userVersion: yield* readReferenceVersion(record, header.userVersion),
      restaurantVersion: yield* readReferenceVersion(record, header.restaurantVersion)
    } satisfies VersionedOrder
  })

interface Prepared {
  readonly rows: VaultRows
  readonly newest: ReadonlyArray<VersionedOrder & { readonly traceparent: string }>
  readonly superseded: number
}

const prepare = (received: ReadonlyArray<Pipeline.Received<VersionedOrder>>): Prepared => {
  const orders = received.map(({ message, traceparent }) => ({ ...message, traceparent }))
  const newest = newestVersions(orders)
  return { rows: vaultRows(orders), newest, superseded: orders.length - newest.length }
}

const toOutgoing = (order: Prepared["newest"][number]): Kafka.OutgoingRecord => ({
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

const store = (source: string) =>
  Effect.fnUntraced(function* ({ newest, rows, superseded }: Prepared) {
    if (rows.orders.length === 0) return { outgoing: [], outcomes: {} }
    const taken = yield* Repository.takeOrders(rows.orders, source)
    const again = rows.orders.filter((order) => !taken.has(order.pk))
    const held = again.length === 0 ? new Map<string, string>() : yield* Repository.heldVersions(again)
    yield* Repository.insertThings(rows, source)
    yield* Repository.insertOrderDetails(
      rows.orders.filter((order) => taken.has(order.pk)),
      taken,
      source
    )
    // A version that is held already is published again: its first publishing may have been lost.
    const current = newest.filter((order) => {
      const pk = orderKey(order.order.object_id)
      return taken.has(pk) || held.get(pk) === order.orderVersion
    })
    return {
      outgoing: current.map(toOutgoing),
      outcomes: {
        accepted: taken.size,
        duplicate: current.length - taken.size,
        stale: superseded + newest.length - current.length
      }
    }
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
