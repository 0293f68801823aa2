/** The messages that could not be used, for an operator's terminal: which there are, all that is known of one, what was done. */
import { type DeadLetters, isSelected, type ListedLetter, type Selection } from "@metka/console/DeadLetters"
import { number } from "@metka/console/words"
import { utf8Text } from "@metka/core/messages/utf8Text"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { moreLines, printable, tableLines, timeText } from "./terminal.ts"

const listedDetail = 100

const columns = ["id", "received", "service", "topic", "partition", "offset", "order", "reason", "detail"]

const cut = (text: string): string =>
  text.length > listedDetail ? `${text.slice(0, listedDetail).toWellFormed()}…` : text

/** The list for a terminal. */
export const deadLettersText = ({ newest, total }: DeadLetters): string => {
  if (newest.length === 0) return "No dead letters."
  const rows = newest.map(({ detail, id, offset, orderId, partition, reason, receivedAt, service, topic }) => [
    id,
    timeText(receivedAt),
    service,
    topic,
    String(partition),
    offset,
    orderId ?? "unknown",
    reason,
    cut(printable(detail.replaceAll(/\s+/g, " ")))
  ])
  return [
    ...tableLines([columns, ...rows]),
    ...moreLines(newest.length, total),
    "",
    "npx metka dead-letters show ID    prints all of one",
    "npx metka dead-letters replay ID  sends it again, once a service can use it",
    "npx metka dead-letters close ID   lists it no more: nothing is left to do about it"
  ].join("\n")
}

/** A row of `ops.dead_letters`. */
export interface StoredLetter extends ListedLetter {
  readonly timestamp: Date
  readonly replayedAt: Date | null
  readonly closedAt: Date | null
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** Text, or `{ base64 }` where the bytes are none. */
  readonly headers: Readonly<Record<string, string | { readonly base64: string }>>
}

/** What a `StoredLetter` is read by. */
export const storedColumns = `id::text as id, received_at as "receivedAt", service, topic, partition,
  "offset"::text as "offset", order_id as "orderId", reason, detail, kafka_timestamp as timestamp,
  replayed_at as "replayedAt", closed_at as "closedAt", key, value, headers`

/** `undefined` when there is no such letter. */
export const readDeadLetter = Effect.fnUntraced(function* (id: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<StoredLetter>`
    select ${sql.literal(storedColumns)} from ops.dead_letters where id = ${String(id)}::bigint`
  return rows[0]
})

/** Those of the ids that no letter has. */
export const unknownIds = Effect.fnUntraced(function* (ids: ReadonlyArray<number>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ id: string }>`
    select id::text as id from ops.dead_letters where id = any(${ids.map(String)}::bigint[])`
  const known = new Set(rows.map(({ id }) => id))
  return ids.filter((id) => !known.has(String(id)))
})

/** Notes when something was done about letters. Returns how many they are. */
const stamp = (column: "replayed_at" | "closed_at") =>
  Effect.fnUntraced(function* (selection: Selection) {
    const sql = yield* SqlClient.SqlClient
    const now = new Date(yield* Clock.currentTimeMillis).toISOString()
    const rows = yield* sql`update ops.dead_letters set ${sql.literal(column)} = ${now}::timestamptz
      where ${isSelected(sql, selection)} returning id`
    return rows.length
  })

/** They were sent again. */
export const markReplayed = stamp("replayed_at")

/** Nothing is left to do about them. */
export const closeDeadLetters = stamp("closed_at")

const shownValue = 10_000

const bytesText = (bytes: Uint8Array): string => utf8Text(bytes) ?? `0x${Buffer.from(bytes).toString("hex")}`

const valueLines = (value: Uint8Array | null): ReadonlyArray<string> => {
  if (value === null) return ["The message has no value."]
  const text = bytesText(value)
  const left = text.length - shownValue
  return [
    `Its value, ${number(value.byteLength)} bytes:`,
    ...text.slice(0, shownValue).toWellFormed().split("\n").map(printable),
    ...(left > 0 ? [`… and ${number(left)} more characters: --raw writes all of it.`] : [])
  ]
}

/** All of a letter for a terminal. */
export const deadLetterText = (letter: StoredLetter): string => {
  const headers = Object.entries(letter.headers).map(
    ([name, value]) => `${name}: ${typeof value === "string" ? value : `base64 ${value.base64}`}`
  )
  const facts = [
    ["received", timeText(letter.receivedAt)],
    ["service", letter.service],
    ["topic", `${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`],
    ["order", letter.orderId ?? "unknown"],
    ["timestamp", letter.timestamp.toISOString()],
    ["reason", letter.reason],
    ...letter.detail.split("\n").map((line, index) => [index === 0 ? "detail" : "", line]),
    ["sent again", letter.replayedAt === null ? "no" : timeText(letter.replayedAt)],
    ["closed", letter.closedAt === null ? "no" : timeText(letter.closedAt)],
    ["key", letter.key === null ? "none" : bytesText(letter.key)],
    ...(headers.length === 0
      ? [["headers", "none"]]
      : headers.map((text, index) => [index === 0 ? "headers" : "", text]))
  ]
  return [...tableLines(facts.map((fact) => fact.map(printable))), "", ...valueLines(letter.value)].join("\n")
}
