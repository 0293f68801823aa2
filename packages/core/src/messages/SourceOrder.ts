/** `order-service_orders`: what the food-ordering app sends. Only what the services use is required. */
import { Result, Schema } from "effect"
import { BadRecord, cleanDetail } from "./BadRecord.ts"
import { makeDecoder } from "./decodeJson.ts"
import { jsonMembers } from "./jsonMembers.ts"
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

/** An order message, and the bytes that spell its payload. */
export interface SourceMessage {
  readonly order: SourceOrder
  readonly payload: Uint8Array
}

const decode = makeDecoder(SourceOrder)

const zero = "0".charCodeAt(0)
const nine = "9".charCodeAt(0)

const isDigits = (text: Uint8Array): boolean => text.every((byte) => byte >= zero && byte <= nine)

/**
 * Whether a positive JSON number is an integer as it is spelled. It is read as the double next to it:
 * `0.99999999999999999999` would be order 1.
 */
const spellsInteger = (number: Uint8Array): boolean => {
  if (isDigits(number)) return true
  const text = Buffer.from(number).toString("latin1")
  const [, whole = "", fraction = "", exponent = "0"] = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = `${whole}${fraction}`
  let significant = digits.length
  // A pattern would look for its end from each of a million zeros anew.
  while (digits.charCodeAt(significant - 1) === zero) significant -= 1
  return whole.length + Number(exponent) >= significant
}

export const decodeSourceOrder = (value: Uint8Array | null): Result.Result<SourceMessage, BadRecord> =>
  Result.flatMap(decode(value), (order) => {
    const members = jsonMembers(value ?? new Uint8Array(), ["object_id", "payload"])
    const [objectId = new Uint8Array(), payload = new Uint8Array()] = members
    if (spellsInteger(objectId)) return Result.succeed({ order, payload })
    const detail = `object_id: expected an integer, got ${Buffer.from(objectId).toString("latin1")}`
    return Result.fail(new BadRecord({ reason: "schema", detail: cleanDetail(detail) }))
  })

/** Decodes once more a payload that has been taken in. */
export const decodeSourcePayload = Schema.decodeUnknownSync(SourceOrder.fields.payload)
