import { createHash } from "node:crypto"
import { holdsUnstorableText, memberText } from "./exactJson.ts"
import { normaliseTime } from "./normaliseTime.ts"

/** Why a message is a dead letter. */
export type BrokenKind =
  | "tombstone"
  | "not-utf8"
  | "byte-order-mark"
  | "not-json"
  | "unstorable-text"
  | `field ${string}`

export interface OrderItem {
  readonly id: string
  readonly price: number
  readonly quantity: number
}

/** One valid message of `order-service_orders`. */
export interface Order {
  readonly objectId: number
  /** `update_ts|sent_dttm|sha256 of the bytes, hex`, times with six digits of fraction: the larger string is newer. */
  readonly version: string
  readonly sentDttm: string
  readonly payloadText: string
  readonly userId: string
  readonly restaurantId: string
  /** As written. */
  readonly date: string
  readonly items: ReadonlyArray<OrderItem>
  readonly cost: number
  readonly payment: number
  readonly finalStatus: string
}

/** A field that is missing, of another type or out of range; the message is its path. */
class BadField extends Error {}

type Check<A> = (value: unknown, path: string) => A

const check =
  <A>(is: (value: unknown) => A | undefined): Check<A> =>
  (value, path) => {
    const result = is(value)
    if (result === undefined) throw new BadField(path)
    return result
  }

type Members = Readonly<Record<string, unknown>>

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const object = check((value) => (isMembers(value) ? value : undefined))
const array = check<ReadonlyArray<unknown>>((value) => (Array.isArray(value) ? value : undefined))
const string = check((value) => (typeof value === "string" ? value : undefined))
const nonEmpty = check((value) => (typeof value === "string" && value !== "" ? value : undefined))
const finite = check((value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined))
const notNegative = check((value) =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined
)
const objectId = check((value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 1 ? value : undefined
)
const orderType = check((value) => (value === "order" ? value : undefined))
const time = check((value) => (typeof value === "string" ? normaliseTime(value) : undefined))

const field = <A>(members: Members, path: string, checked: Check<A>): A => {
  const name = path.slice(path.lastIndexOf(".") + 1)
  // `Object.hasOwn`: an object without a member "constructor" must not seem to have one.
  return checked(Object.hasOwn(members, name) ? members[name] : undefined, path)
}

const optional = (members: Members, path: string, checked: Check<unknown>) => {
  if (Object.hasOwn(members, path.slice(path.lastIndexOf(".") + 1))) field(members, path, checked)
}

const readItem = (value: unknown): OrderItem => {
  const item = object(value, "payload.order_items[]")
  optional(item, "payload.order_items[].name", string)
  return {
    id: field(item, "payload.order_items[].id", nonEmpty),
    price: field(item, "payload.order_items[].price", notNegative),
    quantity: field(item, "payload.order_items[].quantity", notNegative)
  }
}

const checkStatus = (value: unknown) => {
  const status = object(value, "payload.statuses[]")
  field(status, "payload.statuses[].status", string)
  field(status, "payload.statuses[].dttm", time)
}

const readDocument = (document: unknown, text: string, bytes: Uint8Array): Order => {
  const message = object(document, "(the message)")
  const sentDttm = field(message, "sent_dttm", time)
  field(message, "object_type", orderType)
  const payload = field(message, "payload", object)
  const updateTs = field(payload, "payload.update_ts", time)
  field(payload, "payload.date", time)
  optional(payload, "payload.bonus_payment", finite)
  optional(payload, "payload.bonus_grant", finite)
  optional(payload, "payload.statuses", (statuses, path) => array(statuses, path).forEach(checkStatus))
  return {
    objectId: field(message, "object_id", objectId),
    version: `${updateTs}|${sentDttm}|${createHash("sha256").update(bytes).digest("hex")}`,
    sentDttm,
    payloadText: memberText(text, "payload") ?? "",
    userId: field(field(payload, "payload.user", object), "payload.user.id", nonEmpty),
    restaurantId: field(field(payload, "payload.restaurant", object), "payload.restaurant.id", nonEmpty),
    date: field(payload, "payload.date", string),
    items: field(payload, "payload.order_items", array).map(readItem),
    cost: field(payload, "payload.cost", notNegative),
    payment: field(payload, "payload.payment", notNegative),
    finalStatus: field(payload, "payload.final_status", nonEmpty)
  }
}

// `ignoreBOM: true` means: leave the mark in the text.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const attempt = <A>(run: () => A): A | undefined => {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** The order in the bytes of a message, or why there is none. */
export const readOrder = (bytes: Uint8Array | null): Order | { readonly broken: BrokenKind } => {
  if (bytes === null) return { broken: "tombstone" }
  const text = attempt(() => utf8.decode(bytes))
  if (text === undefined) return { broken: "not-utf8" }
  if (text.startsWith("\uFEFF")) return { broken: "byte-order-mark" }
  const parsed = attempt((): { readonly document: unknown } => ({ document: JSON.parse(text) }))
  if (parsed === undefined) return { broken: "not-json" }
  if (holdsUnstorableText(text)) return { broken: "unstorable-text" }
  try {
    return readDocument(parsed.document, text, bytes)
  } catch (error) {
    if (error instanceof BadField) return { broken: `field ${error.message}` }
    throw error
  }
}
