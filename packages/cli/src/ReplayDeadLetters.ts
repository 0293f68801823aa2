/**
 * Sends dead letters again, byte for byte: what could not be used then may be usable now, by a newer service. Sent at
 * least once: a letter is marked after the broker has it, and a stage that gets it twice is left as after once.
 */
import { Kafka, type OutgoingRecord } from "@metka/core/Kafka"
import { header } from "@metka/core/messages/headers"
import { placeText } from "@metka/core/messages/place"
import { publishIsolated } from "@metka/core/publishIsolated"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { type DeadLetter, isSelected, letterColumns, type Selection, services } from "./DeadLetters.ts"
import { waitOut } from "./waitOut.ts"

/** A value may have a megabyte. */
const pageSize = 100

export interface Replay {
  /** To each topic. */
  readonly sent: Readonly<Record<string, number>>
  /** Letters that the broker refused for their size now. */
  readonly tooLarge: ReadonlyArray<string>
}

/** What a selection has to send, and what it has that is not sent. */
export interface ReplayPlan {
  readonly sendable: number
  /** A letter that comes back is a new one: it is not of this plan. */
  readonly newestId: string
  /** Without a value there is nothing to send. */
  readonly withoutValue: number
  /** STG holds these orders, with what they were enriched with. */
  readonly toRepublish: number
}

const isSendable = "value is not null and reason <> 'refused_by_kafka'"

export const planReplay = Effect.fnUntraced(function* (selection: Selection) {
  const sql = yield* SqlClient.SqlClient
  const [plan] = yield* sql<ReplayPlan>`
    select (count(*) filter (where ${sql.literal(isSendable)}))::int as sendable,
      coalesce(max(id), 0)::text as "newestId",
      (count(*) filter (where value is null))::int as "withoutValue",
      (count(*) filter (where value is not null and reason = 'refused_by_kafka'))::int as "toRepublish"
    from ops.dead_letters where ${isSelected(sql, selection)}`
  return plan ?? { sendable: 0, newestId: "0", withoutValue: 0, toRepublish: 0 }
})

/** As it came, and at the same time: a message without `order-version` is as new as its timestamp. */
const toOutgoing = (letter: DeadLetter, now: number): OutgoingRecord => {
  const headers = Object.entries(letter.headers).map(
    ([name, value]) => [name, typeof value === "string" ? value : Buffer.from(value.base64, "base64")] as const
  )
  const timestamp = letter.timestamp.getTime()
  return {
    key: letter.key,
    value: letter.value ?? "",
    // One that was sent again before says itself where it was at first.
    headers: {
      [header.replayOf]: placeText({ ...letter, offset: Number(letter.offset), timestamp }),
      ...Object.fromEntries(headers)
    },
    // A broker takes none that is negative, or an hour ahead of its clock.
    timestamp: Math.min(Math.max(timestamp, 0), now)
  }
}

const page = Effect.fnUntraced(function* (selection: Selection, after: string, newestId: string) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<DeadLetter>`
    select ${sql.literal(letterColumns)} from ops.dead_letters
    where ${isSelected(sql, selection)} and ${sql.literal(isSendable)}
      and id > ${after}::bigint and id <= ${newestId}::bigint
    order by dead_letters.id limit ${pageSize}::int`
})

const mark = Effect.fnUntraced(function* (letters: ReadonlyArray<DeadLetter>) {
  if (letters.length === 0) return
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  yield* sql`update ops.dead_letters set replayed_at = ${now}::timestamptz
    where id = any(${letters.map(({ id }) => id)}::bigint[])`
})

/** Sends what the plan has, the oldest first, to the topics that its services read now; waits while Kafka is away. */
export const replay = Effect.fnUntraced(function* (
  selection: Selection,
  { newestId }: ReplayPlan,
  onPage: (done: number) => Effect.Effect<void>
) {
  const kafka = yield* Kafka
  const inputs = inputsOf(yield* Topology)
  yield* waitOut(kafka.ensureTopics(services.map((service) => inputs[service][0])))
  const sent: Record<string, number> = {}
  const tooLarge: Array<string> = []
  let done = 0
  for (let after = "0"; ;) {
    const letters = yield* page(selection, after, newestId)
    if (letters.length === 0) return { sent, tooLarge } satisfies Replay
    const now = yield* Clock.currentTimeMillis
    for (const service of services) {
      const [topic] = inputs[service]
      const own = letters.filter((letter) => letter.service === service)
      const refused = yield* waitOut(publishIsolated(topic, own, (letter) => toOutgoing(letter, now)))
      const refusedIds = new Set(refused.map(({ item }) => item.id))
      const taken = own.filter(({ id }) => !refusedIds.has(id))
      yield* mark(taken)
      tooLarge.push(...refusedIds)
      if (taken.length > 0) sent[topic] = (sent[topic] ?? 0) + taken.length
    }
    after = letters.at(-1)?.id ?? newestId
    done += letters.length
    yield* onPage(done)
  }
})
