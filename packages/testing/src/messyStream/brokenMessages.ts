/**
 * Messages that must become dead letters. Each is a valid, later than all other, message of a real order with one thing
 * wrong: a service that lets it through changes that order, and the state says so.
 */
import { type Json, type JsonMembers, RawJson } from "./writeJson.ts"

/** The message that is to be broken. */
export interface Whole {
  readonly document: JsonMembers
  /** The document as JSON, its members in the usual order, without space. */
  readonly text: string
}

type Break = (whole: Whole) => string | Uint8Array

const plain = (value: Json): string => {
  if (value instanceof RawJson) return value.text
  if (value === null || typeof value !== "object") return JSON.stringify(value)
  if (isArray(value)) return `[${value.map(plain).join(",")}]`
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${plain(member)}`)
    .join(",")}}`
}

const isArray = (value: ReadonlyArray<Json> | JsonMembers): value is ReadonlyArray<Json> => Array.isArray(value)

const isMembers = (value: Json | undefined): value is JsonMembers =>
  typeof value === "object" && value !== null && !(value instanceof RawJson) && !isArray(value)

/** The document as it would be sent without any oddity. */
export const wholeMessage = (document: JsonMembers): Whole => ({ document, text: plain(document) })

/** The document with the member at the path replaced, or left out when `value` is `undefined`. */
const changed = (members: JsonMembers, path: ReadonlyArray<string>, value: Json | undefined): JsonMembers => {
  const [name = "", ...rest] = path
  const inner = members[name]
  const replaced = rest.length === 0 ? value : changed(isMembers(inner) ? inner : {}, rest, value)
  const others = Object.fromEntries(Object.entries(members).filter(([other]) => other !== name))
  return replaced === undefined ? others : { ...others, [name]: replaced }
}

/** `saying("payload.cost", -1)`: the cost is −1, all else is well. */
const saying =
  (path: string, value: Json): Break =>
  ({ document }) =>
    plain(changed(document, path.split("."), value))
const lacking =
  (path: string): Break =>
  ({ document }) =>
    plain(changed(document, path.split("."), undefined))
const raw = (text: string) => new RawJson(text)

const item =
  (change: JsonMembers, without?: string): Break =>
  ({ document }) => {
    const line = { id: "6276e8cd0cf48b4cded00878", name: "x", price: 1, quantity: 1, ...change }
    const written = Object.fromEntries(Object.entries(line).filter(([name]) => name !== without))
    return plain(changed(document, ["payload", "order_items"], [written]))
  }

/** The text with `member` as the first of the payload. */
const withPayloadMember =
  (member: string): Break =>
  ({ text }) =>
    text.replace('"payload":{', () => `"payload":{${member},`)

const bytes = (...parts: ReadonlyArray<string | ReadonlyArray<number>>): Uint8Array =>
  Buffer.concat(parts.map((part) => Buffer.from(typeof part === "string" ? part : [...part])))

/** The bytes of the text with raw bytes inside a string of its payload. */
const withPayloadBytes =
  (inside: ReadonlyArray<number>): Break =>
  ({ text }) => {
    const at = text.indexOf('"payload":{') + '"payload":{'.length
    return bytes(text.slice(0, at), '"note":"', inside, '",', text.slice(at))
  }

const breaks: Readonly<Record<string, Break>> = {
  // Not a JSON document
  noBytes: () => "",
  onlySpace: () => " \n",
  notJson: () => "order 42 is closed",
  cutShort: ({ text }) => text.slice(0, -1),
  cutInTheMiddle: ({ text }) => text.slice(0, text.length / 2),
  twoDocuments: ({ text }) => text + text,
  trailingText: ({ text }) => `${text};`,
  trailingComma: ({ text }) => `${text.slice(0, -1)},}`,
  comment: ({ text }) => `/* order */${text}`,
  singleQuotes: ({ text }) => text.replaceAll('"', "'"),
  notANumber: saying("payload.cost", raw("NaN")),
  leadingZero: saying("payload.cost", raw("0875")),
  leadingPlus: saying("payload.cost", raw("+875")),
  hexNumber: saying("payload.cost", raw("0x36B")),
  lineBreakInString: withPayloadMember('"note":"two\nlines"'),
  nulCharacterInString: withPayloadMember('"note":"\0"'),
  badEscape: withPayloadMember('"note":"\\x41"'),
  shortEscape: withPayloadMember('"note":"\\u12"'),
  noBreakSpaceOutside: ({ text }) => `\u00a0${text}`,
  // Not UTF-8
  byteOrderMark: ({ text }) => `\uFEFF${text}`,
  utf16: ({ text }) => Buffer.from(text, "utf16le"),
  windows1251: withPayloadBytes([0xd1, 0xf3, 0xef]),
  loneContinuationByte: withPayloadBytes([0x80]),
  overlongSlash: withPayloadBytes([0xc0, 0xaf]),
  surrogateAsBytes: withPayloadBytes([0xed, 0xa0, 0x80]),
  beyondUnicode: withPayloadBytes([0xf5, 0x80, 0x80, 0x80]),
  binary: () => Uint8Array.from({ length: 256 }, (_, index) => index),
  // Text that PostgreSQL cannot hold
  nulInKnownField: saying("payload.user.id", raw('"a\\u0000b"')),
  nulInUnknownField: withPayloadMember('"note":"\\u0000"'),
  nulInName: withPayloadMember('"a\\u0000":1'),
  nulAtTopLevel: ({ text }) => `{"note":"\\u0000",${text.slice(1)}`,
  nulInHiddenDuplicate: withPayloadMember('"note":"\\u0000","note":1'),
  nulAfterBackslash: withPayloadMember('"note":"\\\\\\u0000"'),
  loneHighSurrogate: withPayloadMember('"note":"\\ud83d!"'),
  loneLowSurrogate: withPayloadMember('"note":"\\uDE00"'),
  surrogatesSwapped: withPayloadMember('"note":"\\ude00\\ud83d"'),
  surrogateInName: withPayloadMember('"\\ud800":1'),
  surrogatesInTwoStrings: withPayloadMember('"note":["\\ud83d","\\ude00"]'),
  // JSON, but not a message
  nullDocument: () => "null",
  numberDocument: () => "42",
  arrayDocument: ({ text }) => `[${text}]`,
  stringDocument: ({ text }) => JSON.stringify(text),
  emptyObject: () => "{}",
  // object_id and object_type
  objectIdMissing: lacking("object_id"),
  objectIdZero: saying("object_id", 0),
  objectIdNegative: saying("object_id", -7),
  objectIdFraction: saying("object_id", 7.5),
  objectIdTooLarge: saying("object_id", raw("9007199254740992")),
  objectIdInfinite: saying("object_id", raw("1e400")),
  objectIdText: saying("object_id", "1371198"),
  objectIdNull: saying("object_id", null),
  objectTypeMissing: lacking("object_type"),
  objectTypeOther: saying("object_type", "user"),
  objectTypeCapital: saying("object_type", "Order"),
  // Times
  sentMissing: lacking("sent_dttm"),
  sentNull: saying("sent_dttm", null),
  sentNumber: saying("sent_dttm", 1680985656),
  sentIso: saying("sent_dttm", "2099-04-08T20:27:36"),
  sentWithZ: saying("sent_dttm", "2099-04-08 20:27:36Z"),
  sentWithOffset: saying("sent_dttm", "2099-04-08 20:27:36+03"),
  sentDateOnly: saying("sent_dttm", "2099-04-08"),
  sentNoSeconds: saying("sent_dttm", "2099-04-08 20:27"),
  sentTwoSpaces: saying("sent_dttm", "2099-04-08  20:27:36"),
  sentSpaceAfter: saying("sent_dttm", "2099-04-08 20:27:36 "),
  sentLineBreakAfter: saying("sent_dttm", "2099-04-08 20:27:36\n"),
  sentEmptyFraction: saying("sent_dttm", "2099-04-08 20:27:36."),
  sentCommaFraction: saying("sent_dttm", "2099-04-08 20:27:36,5"),
  sentOtherDigits: saying("sent_dttm", "٢٠٩٩-04-08 20:27:36"),
  updateTsMissing: lacking("payload.update_ts"),
  updateTsHour24: saying("payload.update_ts", "2099-04-08 24:00:00"),
  updateTsLeapSecond: saying("payload.update_ts", "2098-12-31 23:59:60"),
  updateTsMinute60: saying("payload.update_ts", "2099-04-08 20:60:00"),
  updateTsFebruary30: saying("payload.update_ts", "2096-02-30 20:00:00"),
  updateTsNoLeapYear: saying("payload.update_ts", "2099-02-29 20:00:00"),
  updateTsCenturyNoLeapYear: saying("payload.update_ts", "2100-02-29 20:00:00"),
  updateTsApril31: saying("payload.update_ts", "2099-04-31 20:00:00"),
  updateTsMonth13: saying("payload.update_ts", "2099-13-01 20:00:00"),
  updateTsInfinity: saying("payload.update_ts", "infinity"),
  updateTsNow: saying("payload.update_ts", "now"),
  dateYearZero: saying("payload.date", "0000-04-08 20:27:36"),
  dateFiveDigitYear: saying("payload.date", "12023-04-08 20:27:36"),
  dateBc: saying("payload.date", "2023-04-08 20:27:36 BC"),
  dateEmpty: saying("payload.date", ""),
  dateMissing: lacking("payload.date"),
  // The payload
  payloadMissing: lacking("payload"),
  payloadNull: saying("payload", null),
  payloadArray: saying("payload", []),
  payloadText: ({ document }) => plain({ ...document, payload: plain(document.payload ?? null) }),
  userMissing: lacking("payload.user"),
  userText: saying("payload.user", "626a81ce9a8cd1920641e29c"),
  userIdEmpty: saying("payload.user.id", ""),
  userIdNumber: saying("payload.user.id", 42),
  userIdMissing: lacking("payload.user.id"),
  restaurantNull: saying("payload.restaurant", null),
  restaurantIdEmpty: saying("payload.restaurant.id", ""),
  restaurantIdList: saying("payload.restaurant.id", ["ef8c42c19b7518a9aebec106"]),
  itemsMissing: lacking("payload.order_items"),
  itemsNull: saying("payload.order_items", null),
  itemsObject: saying("payload.order_items", {}),
  itemNull: saying("payload.order_items", [null]),
  itemText: saying("payload.order_items", ["6276e8cd0cf48b4cded00878"]),
  itemIdEmpty: item({ id: "" }),
  itemIdMissing: item({}, "id"),
  itemPriceNegative: item({ price: -0.01 }),
  itemPriceText: item({ price: "180" }),
  itemPriceMissing: item({}, "price"),
  itemQuantityNegative: item({ quantity: -1 }),
  itemQuantityNull: item({ quantity: null }),
  itemQuantityMissing: item({}, "quantity"),
  itemNameNumber: item({ name: 5 }),
  costMissing: lacking("payload.cost"),
  costNegative: saying("payload.cost", -1),
  costText: saying("payload.cost", "875.00"),
  costInfinite: saying("payload.cost", raw("1e400")),
  paymentMissing: lacking("payload.payment"),
  paymentBoolean: saying("payload.payment", true),
  bonusPaymentText: saying("payload.bonus_payment", "0"),
  bonusGrantNull: saying("payload.bonus_grant", null),
  statusesObject: saying("payload.statuses", {}),
  statusWithoutTime: saying("payload.statuses", [{ status: "OPEN" }]),
  statusBadTime: saying("payload.statuses", [{ status: "OPEN", dttm: "yesterday" }]),
  statusNumber: saying("payload.statuses", [{ status: 1, dttm: "2023-04-01 20:45:43" }]),
  finalStatusMissing: lacking("payload.final_status"),
  finalStatusEmpty: saying("payload.final_status", ""),
  finalStatusNull: saying("payload.final_status", null)
}

/** Everything that can be wrong with a message, by name. */
export const brokenKinds: ReadonlyArray<string> = Object.keys(breaks)

/** The whole message broken in that way. `kind` is one of `brokenKinds`. */
export const brokenMessage = (kind: string, whole: Whole): Uint8Array => {
  const breakIt = breaks[kind]
  if (breakIt === undefined) throw new RangeError(`no such kind of broken message: ${kind}`)
  const broken = breakIt(whole)
  return typeof broken === "string" ? Buffer.from(broken) : broken
}
