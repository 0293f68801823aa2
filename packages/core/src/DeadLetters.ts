/** Where a record goes that no retry can mend: raw bytes, reason, and its place in the topic. */
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { KafkaRecord } from "./Kafka.ts"
import { storableTimestamp } from "./storableTimestamp.ts"
import type { BadRecord } from "./messages/BadRecord.ts"

export interface DeadLetter {
  readonly record: KafkaRecord
  readonly bad: BadRecord
}

/**
 * Header values as text where they are, else as base64, so that JSON and PostgreSQL can hold any of them. Names only as
 * text: what is not UTF-8 in one is lost, and so is a header without a value.
 */
const storableHeaders = (record: KafkaRecord): string =>
  JSON.stringify(
    Object.fromEntries(
      Array.from(record.headers, ([name, bytes]) => {
        const text = Buffer.from(bytes).toString("utf8")
        const isText = !text.includes("\uFFFD") && !text.includes("\u0000")
        return [
          name.replaceAll("\u0000", "").toWellFormed(),
          isText ? text : { base64: Buffer.from(bytes).toString("base64") }
        ]
      })
    )
  )

const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString("hex"))

/** The condition on rows of `ops.dead_letters` about which something is left to do. */
export const isOpen = "replayed_at is null and closed_at is null"

/** Keeps the letters; one that is there already stays as it is. Part of the batch's transaction. */
export const keepDeadLetters = Effect.fnUntraced(function* (service: string, letters: ReadonlyArray<DeadLetter>) {
  if (letters.length === 0) return
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  const rows = letters.map(({ bad, record }) => ({
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    kafka_timestamp: storableTimestamp(record.timestamp),
    key: hex(record.key),
    value: hex(record.value),
    headers: storableHeaders(record),
    reason: bad.reason,
    detail: bad.detail
  }))
  yield* sql`insert into ops.dead_letters
    (service, topic, partition, "offset", kafka_timestamp, key, value, headers, reason, detail, received_at)
    select ${service}, topic, partition, "offset", kafka_timestamp, decode(key, 'hex'), decode(value, 'hex'),
      headers::json, reason, detail, ${now}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as letter(topic text, partition int, "offset" bigint,
      kafka_timestamp timestamptz, key text, value text, headers text, reason text, detail text)
    order by topic, partition, "offset"
    on conflict (topic, partition, "offset", kafka_timestamp) do nothing`
})
