/** Tags, their history and what was announced of it. */
import type { MemoryBroker } from "@metka/core/MemoryBroker"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { recordsOf } from "./expectation.ts"
import { topics } from "./simulate.ts"

interface HistoryRow {
  readonly event_id: number
  readonly user_id: string
  readonly guest_id: string | null
  readonly tag: string
  readonly action: string
  readonly order_cnt: number
  readonly rule_version: number
  readonly at: string
  readonly published: boolean
}

/** Giving and taking take turns, and the last one says what the guest has now. */
const foldHistory = (history: ReadonlyArray<HistoryRow>, held: ReadonlySet<string>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const folded = new Set<string>()
  for (const row of history) {
    const place = `${row.user_id} ${row.tag}`
    const had = folded.has(place)
    if (had === (row.action === "given"))
      problems.push(`tag history: event ${row.event_id}, ${row.action} twice in a row`)
    if (row.action === "given") folded.add(place)
    else folded.delete(place)
  }
  for (const place of folded.difference(held)) problems.push(`tag history: ${place} was given, but is not in user_tags`)
  for (const place of held.difference(folded)) problems.push(`tag history: ${place} is in user_tags, but was not given`)
  return problems
}

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString()

const contentOf = (row: HistoryRow): string =>
  JSON.stringify({
    user_id: row.guest_id,
    tag: row.tag,
    action: row.action,
    order_cnt: row.order_cnt,
    rule_version: row.rule_version,
    at: row.at
  })

/** Every row of the history was announced, as it is; of a guest and tag in the order of the history. */
const checkAnnounced = (broker: MemoryBroker, history: ReadonlyArray<HistoryRow>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const rows = new Map(history.map((row) => [String(row.event_id), row]))
  const announced = new Set<string>()
  const newest = new Map<string, number>()
  for (const { headers, key, value } of recordsOf(broker, topics.guestTags)) {
    const id = text(headers.get("event-id"))
    const row = rows.get(id)
    if (row === undefined) {
      problems.push(`guest-tags: event ${id} is not in the history`)
      continue
    }
    if (text(value) !== contentOf(row) || text(key) !== row.guest_id) {
      problems.push(`guest-tags: event ${id} is ${text(key)} ${text(value)}, expected ${contentOf(row)}`)
    }
    if (announced.has(id)) continue
    announced.add(id)
    const place = `${row.user_id} ${row.tag}`
    if ((newest.get(place) ?? 0) > row.event_id) problems.push(`guest-tags: event ${id} came after a newer one`)
    newest.set(place, row.event_id)
  }
  for (const row of history) {
    if (!announced.has(String(row.event_id))) problems.push(`guest-tags: event ${row.event_id} was never announced`)
    if (!row.published) problems.push(`tag history: event ${row.event_id} is not marked as announced`)
  }
  return problems
}

export const checkTags = Effect.fnUntraced(function* (broker: MemoryBroker) {
  const sql = yield* SqlClient.SqlClient
  const history = yield* sql<HistoryRow>`
    select event_id::int as event_id, user_id, guest_id, tag, action, order_cnt, rule_version,
      to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, published_at is not null as published
    from cdm.user_tag_history left join cdm.guests using (user_id) order by user_tag_history.event_id`
  const held = yield* sql<{ readonly place: string }>`select user_id::text || ' ' || tag as place from cdm.user_tags`
  return [...foldHistory(history, new Set(held.map(({ place }) => place))), ...checkAnnounced(broker, history)]
})
