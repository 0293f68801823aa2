/** DDS: puts enriched orders into the Data Vault; publishes what each version contributes to the marts. */
import type * as Kafka from "@metka/core/Kafka"
import type { BadRecord } from "@metka/core/messages/BadRecord"
import { header, readHeader, readOrderVersion, readReferenceVersion } from "@metka/core/messages/headers"
import { decodeStgOrder } from "@metka/core/messages/StgOrder"
import * as Pipeline from "@metka/core/Pipeline"
import type { Received } from "@metka/core/Stage"
import { inputsOf, Topology } from "@metka/core/Topology"
import { pauseIn } from "@metka/core/turns"
import { Clock, Effect, Result } from "effect"
import { SqlClient } from "effect/sql"
import * as Repository from "./DdsRepository.ts"
import { KnownThings, type Things } from "./KnownThings.ts"
import {
  contributions,
  type OrderInVault,
  orderInVault,
  rounds,
  type VaultRows,
  vaultRows,
  type VersionedOrder
} from "./vault.ts"

/** A version of an order as the vault takes it in, and what it contributes to the marts. */
interface TakenOrder {
  readonly orderId: number
  readonly orderVersion: string
  readonly inVault: OrderInVault
  readonly guestId: string
  readonly date: string
  readonly restaurantVersion: string
  /** JSON. */
  readonly contributions: Uint8Array
}

const decode = (record: Kafka.KafkaRecord): Result.Result<TakenOrder, BadRecord> =>
  Result.map(
    Result.all({
      order: decodeStgOrder(record.value),
      orderVersion: readOrderVersion(record),
      userLogin: readHeader(record, header.userLogin),
      userVersion: readReferenceVersion(record, header.userVersion),
      restaurantVersion: readReferenceVersion(record, header.restaurantVersion)
    }),
    toTaken
  )

/** Of the decoded order nothing is kept: in a backlog that would be most of the memory. */
const toTaken = (versioned: VersionedOrder): TakenOrder => ({
  orderId: versioned.order.object_id,
  orderVersion: versioned.orderVersion,
  inVault: orderInVault(versioned),
  guestId: versioned.order.payload.user.id,
  date: versioned.order.payload.date,
  restaurantVersion: versioned.restaurantVersion,
  contributions: Buffer.from(JSON.stringify(contributions(versioned.order)))
})

type TracedOrder = TakenOrder & { readonly outgoing: Kafka.OutgoingRecord }

const withOutgoing = ({ message, traceparent }: Received<TakenOrder>): TracedOrder => ({
  ...message,
  outgoing: {
    key: message.guestId,
    value: message.contributions,
    headers: {
      [header.orderVersion]: message.orderVersion,
      [header.orderId]: String(message.orderId),
      [header.orderDate]: message.date,
      [header.restaurantVersion]: message.restaurantVersion,
      [header.traceparent]: traceparent
    }
  }
})

/** At most one version an order, and what they are in the vault. */
interface Round {
  readonly orders: ReadonlyArray<TracedOrder>
  readonly rows: VaultRows
  readonly columns: Repository.OrderColumns
}

interface Prepared {
  readonly rounds: ReadonlyArray<Round>
  readonly count: number
}

const rowsOf = (orders: ReadonlyArray<TracedOrder>): VaultRows => vaultRows(orders.map(({ inVault }) => inVault))

const makeRound = Effect.fnUntraced(function* (orders: ReadonlyArray<TracedOrder>) {
  const rows = rowsOf(orders)
  yield* pauseIn(orders)
  const round: Round = { orders, rows, columns: yield* Repository.orderColumns(rows.orders) }
  return round
})

const prepare = Effect.fnUntraced(function* (received: ReadonlyArray<Received<TakenOrder>>) {
  const cut = rounds(received.map(withOutgoing))
  yield* pauseIn(received)
  const prepared: Prepared = { rounds: yield* Effect.forEach(cut, makeRound), count: received.length }
  return prepared
})

/** Takes in what is newer than the vault holds; says what it took in, what it sent of things, and what was held already. */
const takeRound = Effect.fnUntraced(function* ({ columns, orders, rows }: Round, source: string, known: KnownThings) {
  const { database, numbers } = yield* Repository.takeOrders(columns, source)
  const again = numbers.size === 0 ? [] : rows.orders.filter(({ pk }) => numbers.get(pk) === 0)
  const held = again.length === 0 ? new Map<string, string>() : yield* Repository.heldVersions(again)
  const passedOver = new Map(again.map(({ orderId, pk }) => [orderId, held.get(pk)]))
  const fresh = orders.filter(({ orderId }) => !passedOver.has(orderId))
  const things = known.unknown(database, again.length === 0 ? rows : rowsOf(fresh))
  yield* Repository.insertRows(things, rows.orders, columns, numbers, source)
  const duplicates = orders.filter(({ orderId, orderVersion }) => passedOver.get(orderId) === orderVersion)
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
      for (const order of [...duplicates, ...fresh]) outgoing.push(order.outgoing)
      accepted += fresh.length
      duplicate += duplicates.length
    }
    const sql = yield* SqlClient.SqlClient
    yield* sql.afterCommit(Effect.sync(() => known.committed(sent)))
    return { outgoing, outcomes: { accepted, duplicate, stale: count - accepted - duplicate } }
  })

/** Without it there is nothing that DDS can do: what readiness asks PostgreSQL for. */
export const table = "dds.h_order"

/** Runs DDS's stream of enriched orders. */
export const run = Effect.gen(function* () {
  const topology = yield* Topology
  const [topic, group] = inputsOf(topology).dds
  yield* Pipeline.run({
    service: "dds",
    isFirst: false,
    topic,
    group,
    output: topology.cdmStats,
    nextGroup: topology.groupCdm,
    maxRecords: topology.maxBatchRecords,
    decode,
    enrich: prepare,
    store: store(topic, new KnownThings())
  })
})
