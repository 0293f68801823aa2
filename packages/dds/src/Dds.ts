/** DDS: puts enriched orders into the Data Vault; publishes what each version contributes to the marts. */
import type * as Kafka from "@metka/core/Kafka"
import type { BadRecord } from "@metka/core/messages/BadRecord"
import { header, readHeader, readOrderVersion, readReferenceVersion } from "@metka/core/messages/headers"
import { decodeStgOrder } from "@metka/core/messages/StgOrder"
import * as Pipeline from "@metka/core/Pipeline"
import { Topology } from "@metka/core/Topology"
import { Clock, Effect, Result } from "effect"
import * as Repository from "./DdsRepository.ts"
import { KnownThings, type Things } from "./KnownThings.ts"
import { contributions, rounds, type VaultRows, vaultRows, type VersionedOrder } from "./vault.ts"

const decode = (record: Kafka.KafkaRecord): Result.Result<VersionedOrder, BadRecord> =>
  Result.all({
    order: Result.map(decodeStgOrder(record.value), ({ value }) => value),
    orderVersion: readOrderVersion(record),
    userLogin: readHeader(record, header.userLogin),
    userVersion: readReferenceVersion(record, header.userVersion),
    restaurantVersion: readReferenceVersion(record, header.restaurantVersion)
  })

type TracedOrder = VersionedOrder & { readonly traceparent: string }

/** At most one version an order, and what they are in the vault. */
interface Round {
  readonly orders: ReadonlyArray<TracedOrder>
  readonly rows: VaultRows
}

interface Prepared {
  readonly rounds: ReadonlyArray<Round>
  readonly count: number
}

const makeRound = (orders: ReadonlyArray<TracedOrder>): Round => ({ orders, rows: vaultRows(orders) })

const prepare = (received: ReadonlyArray<Pipeline.Received<VersionedOrder>>): Prepared => ({
  rounds: rounds(received.map(({ message, traceparent }) => ({ ...message, traceparent }))).map(makeRound),
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

/** Takes in what is newer than the vault holds; says what it took in, what it sent of things, and what was held already. */
const takeRound = Effect.fnUntraced(function* ({ orders, rows }: Round, source: string, known: KnownThings) {
  const taken = yield* Repository.takeOrders(rows.orders, source)
  const again = rows.orders.filter(({ pk }) => !taken.has(pk))
  const held = again.length === 0 ? new Map<string, string>() : yield* Repository.heldVersions(again)
  const notTaken = new Map(again.map(({ orderId, pk }) => [orderId, held.get(pk)]))
  const fresh = orders.filter(({ order }) => !notTaken.has(order.object_id))
  const freshRows = again.length === 0 ? rows : vaultRows(fresh)
  const things = known.unknown(freshRows)
  yield* Repository.insertRows(things, freshRows.orders, taken, source)
  const duplicates = orders.filter(({ order, orderVersion }) => notTaken.get(order.object_id) === orderVersion)
  return { fresh, duplicates, things }
})

const store = (source: string, known: KnownThings) =>
  Effect.fnUntraced(function* ({ count, rounds }: Prepared) {
    const outgoing: Array<Kafka.OutgoingRecord> = []
    const sent: Array<Things> = []
    let accepted = 0
    let duplicate = 0
    known.begin(yield* Clock.currentTimeMillis)
    for (const round of rounds) {
      const { duplicates, fresh, things } = yield* takeRound(round, source, known)
      sent.push(things)
      // A version that is held already is published again: its first publishing may have been lost.
      for (const order of [...duplicates, ...fresh]) outgoing.push(toOutgoing(order))
      accepted += fresh.length
      duplicate += duplicates.length
    }
    return {
      outgoing,
      outcomes: { accepted, duplicate, stale: count - accepted - duplicate },
      onCommitted: () => known.committed(sent)
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
    store: store(topology.stgOrders, new KnownThings())
  })
})
