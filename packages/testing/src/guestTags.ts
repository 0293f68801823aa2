/** What marketing knows: the topic `guest-tags`, read from its start. */
import type { RecordHeaders } from "@metka/core/Kafka"
import { Topology } from "@metka/core/Topology"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { topicRecords } from "./topicRecords.ts"

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString("utf8")

const eventId = (headers: RecordHeaders): bigint => BigInt(text(headers.get("event-id")))

/** The largest `event-id` that was announced. */
export const newestEventId = Effect.gen(function* () {
  const records = yield* topicRecords((yield* Topology).guestTags)
  return records.reduce((newest, { headers }) => (eventId(headers) > newest ? eventId(headers) : newest), 0n)
})

interface Event {
  readonly id: bigint
  readonly action: string
  readonly row: string
}

/** The tags that guests have after all messages, the largest `event-id` of a guest and tag counting. */
export const tagsByTopic = Effect.gen(function* () {
  const { guestTags } = yield* Topology
  const newest = new Map<string, Event>()
  for (const { headers, key, value } of yield* topicRecords(guestTags)) {
    const message: {
      readonly user_id: string
      readonly tag: string
      readonly action: string
      readonly rule_version: number
    } = JSON.parse(text(value))
    const row = JSON.stringify([text(key), message.tag, message.rule_version])
    const place = JSON.stringify([text(key), message.tag])
    const id = eventId(headers)
    const held = newest.get(place)
    if (message.user_id !== text(key)) throw new Error(`key ${text(key)} of a message for ${message.user_id}`)
    if (held === undefined || held.id < id) newest.set(place, { id, action: message.action, row })
  }
  return [...newest.values()].flatMap(({ action, row }) => (action === "given" ? [row] : [])).sort()
})

/** The tags that guests have by `cdm.user_tags`, in the same form. */
export const tagsByTable = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ user_id: string; tag: string; rule_version: number }>`
    select guest.user_id, held.tag, held.rule_version
    from cdm.user_tags held join dds.h_user guest on guest.h_user_pk = held.user_id`
  return rows.map((row) => JSON.stringify([row.user_id, row.tag, row.rule_version])).sort()
})
