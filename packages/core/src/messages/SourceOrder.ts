/** `order-service_orders`: what the food-ordering app sends. Only what the services use is required. */
import { Schema } from "effect"
import { makeDecoder } from "./decodeJson.ts"
import { Timestamp } from "./Timestamp.ts"

/** The key of a thing in the app: non-empty. */
export const Id = Schema.NonEmptyString

/** `object_id`: from 1 to 2^53 − 1. */
export const ObjectId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

/** Money in roubles and quantities: finite, not negative. */
export const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

export const SourceOrder = Schema.Struct({
  object_id: ObjectId,
  object_type: Schema.Literal("order"),
  sent_dttm: Timestamp,
  payload: Schema.Struct({
    restaurant: Schema.Struct({ id: Id }),
    date: Timestamp,
    user: Schema.Struct({ id: Id }),
    order_items: Schema.Array(
      Schema.Struct({
        id: Id,
        name: Schema.optionalKey(Schema.String),
        price: Amount,
        quantity: Amount
      })
    ),
    bonus_payment: Schema.optionalKey(Schema.Finite),
    cost: Amount,
    payment: Amount,
    bonus_grant: Schema.optionalKey(Schema.Finite),
    statuses: Schema.optionalKey(Schema.Array(Schema.Struct({ status: Schema.String, dttm: Timestamp }))),
    final_status: Schema.NonEmptyString,
    update_ts: Timestamp
  })
})
export type SourceOrder = typeof SourceOrder.Type

/** The payload alone, as STG keeps it. */
export type SourcePayload = SourceOrder["payload"]

export const decodeSourceOrder = makeDecoder(SourceOrder)

/** Decodes a payload that STG has stored; it was valid when it came in. */
export const decodeSourcePayload = Schema.decodeUnknownSync(SourceOrder.fields.payload)
