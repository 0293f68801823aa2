/** An order's payload and what the references say of it → the message that DDS receives. All of it is pure. */
import type { OutgoingRecord } from "@metka/core/Kafka"
import { header } from "@metka/core/messages/headers"
import type { SourcePayload } from "@metka/core/messages/SourceOrder"
import type { StgOrder } from "@metka/core/messages/StgOrder"
import type { References } from "@metka/core/ReferenceData"
import { Schema } from "effect"

/** What a version of an order was enriched with, once and for all: Redis changes, this does not. Stored as JSON. */
export const Enrichment = Schema.Struct({
  guest: Schema.Struct({ name: Schema.String, login: Schema.String, version: Schema.String }),
  restaurant: Schema.Struct({ name: Schema.String, version: Schema.String }),
  /** Of each its id, name and category. */
  dishes: Schema.Array(Schema.Tuple([Schema.String, Schema.String, Schema.String]))
})
export type Enrichment = typeof Enrichment.Type

/** The ids that Redis does not know yet, each kind sorted. While the restaurant is unknown, so is its menu. */
export interface Missing {
  readonly guests: ReadonlyArray<string>
  readonly restaurants: ReadonlyArray<string>
  readonly dishes: ReadonlyArray<string>
}

export type Resolution =
  | { readonly _tag: "Enriched"; readonly enrichment: Enrichment }
  | { readonly _tag: "Unknown"; readonly missing: Missing }

/** Looks an order's guest, restaurant and dishes up. */
export const resolve = (payload: SourcePayload, references: References): Resolution => {
  const guest = references.guests.get(payload.user.id)
  const restaurant = references.restaurants.get(payload.restaurant.id)
  const dishes: Array<readonly [string, string, string]> = []
  const unknownDishes: Array<string> = []
  if (restaurant !== undefined) {
    for (const id of new Set(payload.order_items.map((item) => item.id))) {
      const dish = restaurant.menu.get(id)
      if (dish === undefined) unknownDishes.push(id)
      else dishes.push([id, dish.name, dish.category])
    }
  }
  if (guest === undefined || restaurant === undefined || unknownDishes.length > 0) {
    return {
      _tag: "Unknown",
      missing: {
        guests: guest === undefined ? [payload.user.id] : [],
        restaurants: restaurant === undefined ? [payload.restaurant.id] : [],
        dishes: unknownDishes.sort()
      }
    }
  }
  return {
    _tag: "Enriched",
    enrichment: {
      guest: { name: guest.name, login: guest.login, version: guest.version },
      restaurant: { name: restaurant.name, version: restaurant.version },
      dishes
    }
  }
}

/** The message for `stg-service-orders`: names and categories from the enrichment, prices from the order. */
export const enrich = (objectId: number, payload: SourcePayload, enrichment: Enrichment): StgOrder => {
  const dishes = new Map(enrichment.dishes.map(([id, name, category]) => [id, { name, category }]))
  return {
    object_id: objectId,
    object_type: "order",
    payload: {
      id: objectId,
      date: payload.date,
      cost: payload.cost,
      payment: payload.payment,
      status: payload.final_status,
      restaurant: { id: payload.restaurant.id, name: enrichment.restaurant.name },
      user: { id: payload.user.id, name: enrichment.guest.name },
      products: payload.order_items.map(({ id, price, quantity }) => {
        const dish = dishes.get(id) ?? { name: "", category: "" }
        return { id, price, quantity, name: dish.name, category: dish.category }
      })
    }
  }
}

/** A version of an order with what it was enriched with. */
export interface EnrichedOrder {
  readonly objectId: number
  readonly version: string
  readonly payload: SourcePayload
  readonly enrichment: Enrichment
  /** What is sent for no message, but because an operator asked for it, has none. */
  readonly traceparent: string | undefined
}

/** The record for `stg-service-orders`. */
export const toOutgoing = ({ enrichment, objectId, payload, traceparent, version }: EnrichedOrder): OutgoingRecord => ({
  key: payload.user.id,
  value: Buffer.from(JSON.stringify(enrich(objectId, payload, enrichment))),
  headers: {
    [header.orderVersion]: version,
    [header.userLogin]: enrichment.guest.login,
    [header.userVersion]: enrichment.guest.version,
    [header.restaurantVersion]: enrichment.restaurant.version,
    ...(traceparent === undefined ? {} : { [header.traceparent]: traceparent })
  }
})
