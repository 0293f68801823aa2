/**
 * Announces givings and takings on `guest-tags`. They are announced because something changed, so the history is the
 * outbox: written with the tags, drained in order by one publisher at a time, each row marked when it is sent.
 */
import { publisherLock } from "@metka/core/advisoryLocks"
import { texts } from "@metka/core/arrays"
import { endingWithin } from "@metka/core/endingWithin"
import { KafkaError, KafkaUnavailable, type OutgoingRecord } from "@metka/core/Kafka"
import type { GuestTag } from "@metka/core/messages/GuestTag"
import { header } from "@metka/core/messages/headers"
import { describe } from "@metka/core/Outage"
import { publishIsolated, type Refused } from "@metka/core/publishIsolated"
import { Topology } from "@metka/core/Topology"
import { transaction } from "@metka/core/transaction"
import { Clock, Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { bindRenamed } from "./ApplyRules.ts"

const slow = new KafkaError({
  operation: "publish",
  reason: new KafkaUnavailable({ message: "no acknowledgement of guest-tags within 10 seconds" })
})

const pageSize = 1_000

/** Long for a page, which waits for Kafka 10 seconds at most. */
const bounded = <A, E, R>(work: Effect.Effect<A, E, R>) => endingWithin(work, "1 minute")

interface OutboxRow {
  readonly event_id: string
  readonly guest_id: string
  readonly tag: string
  readonly action: GuestTag["action"]
  readonly order_cnt: number
  readonly rule_version: number
  readonly at: string
  readonly traceparent: string
}

const toOutgoing = (row: OutboxRow): OutgoingRecord => {
  const message: GuestTag = {
    user_id: row.guest_id,
    tag: row.tag,
    action: row.action,
    order_cnt: row.order_cnt,
    rule_version: row.rule_version,
    at: row.at
  }
  return {
    key: row.guest_id,
    value: JSON.stringify(message),
    headers: {
      [header.eventId]: row.event_id,
      [header.traceparent]: row.traceparent
    }
  }
}

const somethingWaits = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ waiting: boolean }>`
    select exists (select 1 from cdm.user_tag_history where published_at is null) as waiting`
  return rows[0]?.waiting === true
})

/** One that waited on would hold up all that come after it, and the offsets of the orders too. */
const tellRefused = ({ item, refusal }: Refused<OutboxRow>) =>
  Effect.logError(
    `guest-tags does not take event ${item.event_id} (${item.tag} ${item.action}): ${refusal.detail}. It is passed over; ` +
      "when the topic takes it, set its published_at in cdm.user_tag_history to null, and it is sent"
  )

/** Sends one page in order and marks it; 0 when somebody else is sending. */
const publishPage = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { guestTags } = yield* Topology
  return yield* transaction(
    Effect.gen(function* () {
      const mine = yield* sql<{ mine: boolean }>`select pg_try_advisory_xact_lock(${publisherLock}::bigint) as mine`
      if (mine[0]?.mine !== true) return 0
      const rows = yield* sql<OutboxRow>`
      select event_id::text as event_id, coalesce(guest_id, user_id::text) as guest_id, tag, action, order_cnt, rule_version,
        to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, traceparent
      from cdm.user_tag_history left join cdm.guests using (user_id)
      where published_at is null order by user_tag_history.event_id limit ${pageSize}::int`
      if (rows.length === 0) return 0
      // The transaction stays open meanwhile.
      const refused = yield* Effect.timeoutOrElse(publishIsolated(guestTags, rows, toOutgoing), {
        duration: "10 seconds",
        orElse: () => Effect.fail(slow)
      })
      yield* Effect.forEach(refused, tellRefused, { discard: true })
      const now = new Date(yield* Clock.currentTimeMillis).toISOString()
      yield* sql`update cdm.user_tag_history held set published_at = ${now}::timestamptz
      from unnest(${texts(rows.map((row) => row.event_id))}::bigint[]) as sent (event_id) where held.event_id = sent.event_id`
      return rows.length
    })
  )
})

/** Sends all that waits. */
export const publishTags = Effect.gen(function* () {
  if (yield* bounded(somethingWaits)) yield* Effect.repeat(bounded(publishPage), { while: (sent) => sent === pageSize })
})

/**
 * Sends what a crash or `metka rules apply` left behind, and gives what a renaming of a category made due, which the next
 * round sends, for as long as the service runs.
 */
export const run = Effect.andThen(publishTags, bindRenamed).pipe(
  Effect.catch((error) => Effect.logWarning(`tags wait to be announced: ${describe(error)}`)),
  Effect.repeat(Schedule.spaced("5 seconds"))
)
