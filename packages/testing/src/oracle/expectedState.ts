/**
 * The oracle: what the system must hold after a set of messages, whatever their order and however often they came.
 * Written from the contract alone, and apart from the services, so that the two can disagree.
 */
import type { KafkaRecord } from "@metka/core/Kafka"
import { expectedCategoryCounters, expectedProductCounters } from "./expectedMarts.ts"
import { expectedTags, type TagRule } from "./expectedTags.ts"
import { type EnrichedOrder, expectedVault, vaultOfVersions } from "./expectedVault.ts"
import { type BrokenKind, type Order, readOrder } from "./readOrder.ts"
import { knownReferences, type KnownReferences } from "./references.ts"
import {
  compareRows,
  type DeadLetterPosition,
  type GrowingTable,
  type MissingReferences,
  type State,
  type StgMessage,
  type StgOrderEvent,
  type Vault
} from "./State.ts"

/** A record of `order-service_orders`, as Kafka holds it. */
export type Delivery = Pick<KafkaRecord, "topic" | "partition" | "offset" | "timestamp" | "key" | "value">

export interface OracleInput {
  /** In any order, each as often as it was delivered. */
  readonly deliveries: ReadonlyArray<Delivery>
  /**
   * Redis in the end, key to value. A document may have appeared late; one whose names or categories *changed* makes
   * the state depend on when an order was enriched, which `enrichedWith` must say then.
   */
  readonly references: ReadonlyMap<string, string>
  /** What Redis held when a version was enriched, by version; `references` for those that are not here. */
  readonly enrichedWith?: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly rules: ReadonlyArray<TagRule>
}

export interface ExpectedState extends State {
  /** With `version`: `update_ts|sent_dttm|sha256`, times with six digits of fraction. */
  readonly stgOrderEvents: ReadonlyArray<StgOrderEvent & { readonly version: string }>
  readonly deadLetters: ReadonlyArray<DeadLetterPosition & { readonly kind: BrokenKind }>
  /** `vault` has what the newest versions say. A superseded one may have left more in hubs, links, names: this. */
  readonly vaultWithSuperseded: Pick<Vault, GrowingTable>
  /**
   * Orders whose newest version waits for a reference while an older one could be enriched. DDS and CDM hold the older
   * one or nothing, by order of arrival: compare nothing of these, better have none.
   */
  readonly undecidable: ReadonlyArray<number>
}

const distinct = (values: Iterable<string>) => [...new Set(values)].sort()

const missingOf = (order: Order, known: KnownReferences): MissingReferences => {
  const restaurant = known.restaurant(order.restaurantId)
  return {
    guests: known.guest(order.userId) === undefined ? [order.userId] : [],
    restaurants: restaurant === undefined ? [order.restaurantId] : [],
    dishes:
      restaurant === undefined
        ? []
        : distinct(order.items.map((item) => item.id).filter((id) => !restaurant.menu.has(id)))
  }
}

const enrich = (order: Order, known: KnownReferences): EnrichedOrder | undefined => {
  const guest = known.guest(order.userId)
  const restaurant = known.restaurant(order.restaurantId)
  if (guest === undefined || restaurant === undefined) return undefined
  const dishes = order.items.flatMap((item) => {
    const dish = restaurant.menu.get(item.id)
    return dish === undefined ? [] : [{ ...item, ...dish }]
  })
  return dishes.length === order.items.length ? { order, guest, restaurant, dishes } : undefined
}

const stgMessage = ({ order, guest, restaurant, dishes }: EnrichedOrder): StgMessage => ({
  key: order.userId,
  message: {
    object_id: order.objectId,
    object_type: "order",
    payload: {
      id: order.objectId,
      date: order.date,
      cost: order.cost,
      payment: order.payment,
      status: order.finalStatus,
      restaurant: { id: order.restaurantId, name: restaurant.name },
      user: { id: order.userId, name: guest.name },
      products: dishes.map(({ id, price, quantity, name, category }) => ({ id, price, quantity, name, category }))
    }
  }
})

const newestOfEach = (orders: Iterable<Order>): ReadonlyArray<Order> => {
  const newest = new Map<number, Order>()
  for (const order of orders) {
    const held = newest.get(order.objectId)
    if (held === undefined || held.version < order.version) newest.set(order.objectId, order)
  }
  return [...newest.values()].sort((a, b) => a.objectId - b.objectId)
}

const isEnriched = (enriched: EnrichedOrder | undefined): enriched is EnrichedOrder => enriched !== undefined

/** The state that the deliveries must lead to once no reference is awaited that `references` has. */
export const expectedState = (input: OracleInput): ExpectedState => {
  const inTheEnd = knownReferences(input.references)
  const enriched = (order: Order) => {
    const documents = input.enrichedWith?.get(order.version)
    return enrich(order, documents === undefined ? inTheEnd : knownReferences(documents))
  }
  const versions = new Map<string, Order>()
  const deadLetters: Array<DeadLetterPosition & { readonly kind: BrokenKind }> = []
  for (const { topic, partition, offset, value } of input.deliveries) {
    const read = readOrder(value)
    if ("broken" in read) deadLetters.push({ topic, partition, offset, kind: read.broken })
    else versions.set(`${read.objectId} ${read.version}`, read)
  }
  const newest = newestOfEach(versions.values())
  const waiting = newest.filter((order) => enriched(order) === undefined)
  const waitingIds = new Set(waiting.map((order) => order.objectId))
  const everEnriched = [...versions.values()].map(enriched).filter(isEnriched)
  const now = newest.map(enriched).filter(isEnriched)
  const vault = expectedVault(now)
  // An order that is not CLOSED sends its dishes to the vault, and `[]` to the marts: they do not learn its names.
  const counted = now.filter(({ order }) => order.finalStatus === "CLOSED")
  const categoryCounters = expectedCategoryCounters(now)
  return {
    stgOrderEvents: newest.map((order) => ({
      object_id: order.objectId,
      object_type: "order",
      sent_dttm: order.sentDttm,
      payloadText: order.payloadText,
      version: order.version
    })),
    parked: waiting.map((order) => ({ object_id: order.objectId, missing: missingOf(order, inTheEnd) })),
    stgMessages: now.map(stgMessage),
    vault,
    vaultWithSuperseded: vaultOfVersions(everEnriched),
    userProductCounters: expectedProductCounters(
      now,
      new Map(expectedVault(counted).productNames.map(([id, name]) => [String(id), String(name)]))
    ),
    userCategoryCounters: categoryCounters,
    userTags: expectedTags(now, categoryCounters, input.rules),
    deadLetters: distinctPositions(deadLetters),
    undecidable: [...new Set(everEnriched.map(({ order }) => order.objectId).filter((id) => waitingIds.has(id)))].sort(
      (a, b) => a - b
    )
  }
}

const distinctPositions = <P extends DeadLetterPosition>(positions: ReadonlyArray<P>): ReadonlyArray<P> => {
  const row = ({ topic, partition, offset }: DeadLetterPosition) => [topic, partition, offset]
  return [...new Map(positions.map((position) => [JSON.stringify(row(position)), position])).values()].sort((a, b) =>
    compareRows(row(a), row(b))
  )
}
