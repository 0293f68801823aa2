/**
 * Sends dead letters again, byte for byte: what could not be used then may be usable now, by a newer service. Sent at
 * least once: a letter is marked after the broker has it, and a stage that gets it twice is left as after once.
 */
import { isSelected, type Selection, services } from "@metka/console/DeadLetters"
import type { OutgoingRecord } from "@metka/core/Kafka"
import { header } from "@metka/core/messages/headers"
import { placeText } from "@metka/core/messages/place"
import { publishIsolated } from "@metka/core/publishIsolated"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { markReplayed, storedColumns, type StoredLetter } from "./DeadLetters.ts"
import { waitOut } from "./waitOut.ts"

const pageRows = 1_000
/** A page ends with the letter that goes beyond. */
const pageBytes = 4 * 1_048_576

/** What a selection has to send, and what it has that is not sent. */
export interface ReplayPlan {
  readonly sendable: number
  /** A letter that comes back is a new one: it is not of this plan. */
  readonly newestId: string
  /** Without a value there is nothing to send. */
  readonly withoutValue: number
  /** Too large to be read back. */
  readonly unreadable: number
  /** Of an order that was parked, the letter has no more than the payload; STG holds it, with its enrichment. */
  readonly toRepublish: number
}

/** A row must fit into the 16 MiB that the client of PostgreSQL takes. */
const readableBytes = 15 * 1_048_576

const isHeldByStg = "service = 'stg' and reason = 'refused_by_kafka'"
const isReadable = `octet_length(value) <= ${readableBytes}`
const isSendable = `${isReadable} and not (${isHeldByStg})`

export const planReplay = Effect.fnUntraced(function* (selection: Selection) {
  const sql = yield* SqlClient.SqlClient
  const [plan] = yield* sql<ReplayPlan>`
    select (count(*) filter (where ${sql.literal(isSendable)}))::int as sendable,
      coalesce(max(id), 0)::text as "newestId",
      (count(*) filter (where value is null))::int as "withoutValue",
      (count(*) filter (where not ${sql.literal(isReadable)}))::int as unreadable,
      (count(*) filter (where ${sql.literal(isReadable)} and ${sql.literal(isHeldByStg)}))::int as "toRepublish"
    from ops.dead_letters where ${isSelected(sql, selection)}`
  return plan ?? { sendable: 0, newestId: "0", withoutValue: 0, unreadable: 0, toRepublish: 0 }
})

/**
 * As it came, but now: with the time it had, a broker could delete it before it is read, or refuse it. Where a stage
 * asks for that time, `replay-of` has it.
 */
const toOutgoing = (letter: StoredLetter): OutgoingRecord => {
  const headers = Object.entries(letter.headers).map(
    ([name, value]) => [name, typeof value === "string" ? value : Buffer.from(value.base64, "base64")] as const
  )
  const origin = { ...letter, offset: Number(letter.offset), timestamp: letter.timestamp.getTime() }
  return {
    key: letter.key,
    value: letter.value ?? "",
    // One that was sent again before says itself where it was at first.
    headers: { [header.replayOf]: placeText(origin), ...Object.fromEntries(headers) }
  }
}

const readPage = Effect.fnUntraced(function* (selection: Selection, after: string, newestId: string) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<StoredLetter>`
    select ${sql.literal(storedColumns)} from (
      select *, sum(octet_length(value)) over (order by id) - octet_length(value) as bytes_before
      from (
        select * from ops.dead_letters
        where ${isSelected(sql, selection)} and ${sql.literal(isSendable)}
          and id > ${after}::bigint and id <= ${newestId}::bigint
        order by id limit ${pageRows}::int
      ) next
    ) page
    where bytes_before < ${pageBytes}::int order by page.id`
})

export interface Replay {
  /** To each topic. */
  readonly sent: Readonly<Record<string, number>>
  /** Letters that the broker refused for their size now. */
  readonly tooLarge: ReadonlyArray<string>
}

/** Sends what the plan has, the oldest first, to the topics that its services read now; waits while Kafka is away. */
export const replay = Effect.fnUntraced(function* (
  selection: Selection,
  { newestId }: ReplayPlan,
  onPage: (done: number) => Effect.Effect<void>
) {
  const inputs = inputsOf(yield* Topology)
  const sent: Record<string, number> = {}
  const tooLarge: Array<string> = []
  let done = 0
  for (let after = "0"; ;) {
    const letters = yield* readPage(selection, after, newestId)
    if (letters.length === 0) return { sent, tooLarge } satisfies Replay
    for (const service of services) {
      const [topic] = inputs[service]
      const own = letters.filter((letter) => letter.service === service)
      const refused = yield* waitOut(publishIsolated(topic, own, toOutgoing))
      const refusedIds = new Set(refused.map(({ item }) => item.id))
      const taken = own.filter(({ id }) => !refusedIds.has(id))
      tooLarge.push(...refusedIds)
      if (taken.length === 0) continue
      yield* markReplayed({ ids: taken.map(({ id }) => Number(id)), closed: true })
      sent[topic] = (sent[topic] ?? 0) + taken.length
    }
    after = letters.at(-1)?.id ?? newestId
    done += letters.length
    yield* onPage(done)
  }
})
