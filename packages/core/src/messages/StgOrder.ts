/** `stg-service-orders`: an order with the names of its guest, restaurant and dishes, and the dishes' categories. */
import { Schema } from "effect"
import { makeDecoder } from "./decodeJson.ts"
import { Amount, Id, ObjectId } from "./SourceOrder.ts"
import { Timestamp } from "./Timestamp.ts"

const Named = Schema.Struct({ id: Id, name: Schema.String })

export const StgOrder = Schema.Struct({
  object_id: ObjectId,
  object_type: Schema.Literal("order"),
  payload: Schema.Struct({
    id: ObjectId,
    date: Timestamp,
    cost: Amount,
    payment: Amount,
    status: Schema.NonEmptyString,
    restaurant: Named,
    user: Named,
    products: Schema.Array(
      Schema.Struct({
        id: Id,
        price: Amount,
        quantity: Amount,
        name: Schema.String,
        category: Schema.NonEmptyString
      })
    )
  }).check(
    Schema.makeFilter(
      (payload: { readonly products: ReadonlyArray<{ readonly id: string; readonly category: string }> }) => {
        const categories = new Map<string, string>()
        for (const { category, id } of payload.products) {
          if ((categories.get(id) ?? category) !== category)
            return `the dish ${id} stands in two categories of one order`
          categories.set(id, category)
        }
        return true
      }
    )
  )
}).check(
  Schema.makeFilter(
    (order: { readonly object_id: number; readonly payload: { readonly id: number } }) =>
      order.object_id === order.payload.id || "object_id and payload.id differ"
  )
)
export type StgOrder = typeof StgOrder.Type

export const decodeStgOrder = makeDecoder(StgOrder)
