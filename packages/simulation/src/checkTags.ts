/** Tags, their history and what was announced of it. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { recordsOf } from "./expectation.ts"
import { type Run, topics } from "./simulate.ts"

interface HistoryRow {
  readonly event_id: string
  readonly user_id: string
  readonly guest_id: string | null
  readonly tag: string
  readonly action: string
  readonly order_cnt: number
  readonly rule_version: number
  readonly at: string
  readonly published: boolean
}

/** Giving and taking take turns; that the last one says what the guest has now, `metka verify` sees. */
const checkTurns = (history: ReadonlyArray<HistoryRow>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const last = new Map<string, string>()
  for (const row of history) {
    const place = `${row.user_id} ${row.tag}`
    if ((last.get(place) ?? "taken") === row.action) {
      problems.push(`tag history: event ${row.event_id}, ${row.action} twice in a row`)
    }
    last.set(place, row.action)
  }
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

/**
 * Every row of the history was announced, as it is; of a guest and tag in the order of the history. A database that has
 * gone back knows nothing of what it announced after that.
 */
const checkAnnounced = ({ broker, hasGoneBack }: Run, history: ReadonlyArray<HistoryRow>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const rows = new Map(history.map((row) => [row.event_id, row]))
  const announced = new Set<string>()
  const newest = new Map<string, number>()
  for (const { headers, key, value } of recordsOf(broker, topics.guestTags)) {
    const id = text(headers.get("event-id"))
    const row = rows.get(id)
    if (row === undefined) {
      if (!hasGoneBack) problems.push(`guest-tags: event ${id} is not in the history`)
      continue
    }
    if (text(value) !== contentOf(row) || text(key) !== row.guest_id) {
      problems.push(`guest-tags: event ${id} is ${text(key)} ${text(value)}, expected ${contentOf(row)}`)
    }
    if (announced.has(id)) continue
    announced.add(id)
    const place = `${row.user_id} ${row.tag}`
    if ((newest.get(place) ?? 0) > Number(row.event_id)) problems.push(`guest-tags: event ${id} came after a newer one`)
    newest.set(place, Number(row.event_id))
  }
  for (const row of history) {
    if (!announced.has(row.event_id)) problems.push(`guest-tags: event ${row.event_id} was never announced`)
    if (!row.published) problems.push(`tag history: event ${row.event_id} is not marked as announced`)
  }
  return problems
}

export const checkTags = Effect.fnUntraced(function* (run: Run) {
  const sql = yield* SqlClient.SqlClient
  const history = yield* sql<HistoryRow>`
    select event_id::text as event_id, user_id, guest_id, tag, action, order_cnt, rule_version,
      to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, published_at is not null as published
    from cdm.user_tag_history left join cdm.guests using (user_id) order by user_tag_history.event_id`
  // The oracle does not know versions of rules, and `metka verify` goes by the function that writes them.
  const stale = yield* sql<{ readonly row: string }>`
    select row(held.*)::text as row from cdm.user_tags held
    left join (select tag, version from cdm.tag_rules where active) rule using (tag)
    where held.rule_version is distinct from rule.version`
  return [
    ...stale.map(({ row }) => `tags: ${row} has not the version of its rule`),
    ...checkTurns(history),
    ...checkAnnounced(run, history)
  ]
})
