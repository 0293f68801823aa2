/**
 * Where a topic is read again from once the database has gone back.
 *
 * Offsets live in Kafka, what was read lives in PostgreSQL. A dump that was restored, or a standby that took over without
 * the last transactions, lacks messages that the group has committed, and nothing would ever deliver them again. So each
 * partition has a bookmark in the database: an offset up to which everything is in it, and the database it was written
 * in. A bookmark that is there was written after all that is before it, and what a database loses is its end: so when the
 * bookmark is of another database than this one, going on from it misses nothing.
 *
 * Nothing else rests on bookmarks: which message counts is decided by its content, and where a group goes on by Kafka.
 */
import { Clock, Effect, Latch, Semaphore } from "effect"
import { SqlClient } from "effect/sql"
import { int4s, int8s } from "./arrays.ts"
import type { Assignment, Kafka, KafkaError, PartitionLag } from "./Kafka.ts"
import type { StageError } from "./Outage.ts"

/** What the database holds of a partition. */
interface Bookmark {
  readonly offset: number
  /** Whether it was written in the database that this one is. */
  readonly isHere: boolean
}

/**
 * The offset from which a partition must be read again, or `undefined` when the group can go on. Without a bookmark the
 * database knows of nothing that was read; and one past what the group has committed is of another log.
 */
export const readAgainFrom = ({ committed, start }: PartitionLag, bookmark: Bookmark | undefined) => {
  if (bookmark?.isHere === true) return undefined
  const from = bookmark === undefined || bookmark.offset > committed ? start : Math.max(start, bookmark.offset)
  return from < committed ? from : undefined
}

export interface Bookmarks {
  /** Takes the group back to where the database is; to be done before anything of the partitions is delivered. */
  readonly place: (assignment: Assignment) => Effect.Effect<void, StageError, SqlClient.SqlClient>
  /** Moves the bookmarks of the partitions that were placed to what is committed. */
  readonly keep: Effect.Effect<void, StageError, SqlClient.SqlClient>
  /** Ends when `keep` has found that the database has gone back: the partitions have to be placed again. */
  readonly untilGoneBack: Effect.Effect<void>
}

/** Bookmarks of one topic and group, of the partitions that this process has. */
export const makeBookmarks = (kafka: Kafka["Service"], topic: string, group: string): Bookmarks => {
  let placed: ReadonlySet<number> = new Set()
  const goneBack = Latch.makeUnsafe(false)
  /** Offsets that were read before the group was taken back must not become bookmarks after it. */
  const oneAtATime = Semaphore.makeUnsafe(1).withPermits(1)

  const read = Effect.fnUntraced(function* (partitions: ReadonlyArray<number>) {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ here: string; partition: number | null; offset: string; is_here: boolean }>`
      select here, partition, "offset"::text as "offset", database = here as is_here
      from ops.database_identity() as here
      left join ops.bookmarks on consumer_group = ${group} and topic = ${topic} and partition = any(${int4s(partitions)}::int[])`
    const held = new Map<number, Bookmark>()
    for (const { is_here: isHere, offset, partition } of rows) {
      if (partition !== null) held.set(partition, { offset: Number(offset), isHere })
    }
    return { here: rows[0]?.here ?? "", held }
  })

  /** As of the database they were read in: if it is another one by now, they are found to be of the one before. */
  const write = Effect.fnUntraced(function* (here: string, offsets: ReadonlyMap<number, number>) {
    const sql = yield* SqlClient.SqlClient
    const now = new Date(yield* Clock.currentTimeMillis).toISOString()
    yield* sql`
      insert into ops.bookmarks (consumer_group, topic, partition, "offset", database, written_at)
      select ${group}, ${topic}, partition, "offset", ${here}, ${now}::timestamptz
      from unnest(${int4s([...offsets.keys()])}::int[], ${int8s([...offsets.values()])}::bigint[]) as row (partition, "offset")
      order by partition
      on conflict (consumer_group, topic, partition) do update
      set "offset" = excluded."offset", database = excluded.database, written_at = excluded.written_at`
  })

  const place = Effect.fnUntraced(function* ({ goOnAt, partitions }: Assignment) {
    placed = new Set()
    const { held, here } = yield* read(partitions)
    if (partitions.some((partition) => held.get(partition)?.isHere !== true)) {
      const lags = (yield* kafka.lag(topic, group)).filter(({ partition }) => partitions.includes(partition))
      const again = new Map<number, number>()
      const offsets = new Map<number, number>()
      for (const lag of lags) {
        const bookmark = held.get(lag.partition)
        const from = readAgainFrom(lag, bookmark)
        if (from !== undefined) again.set(lag.partition, from)
        if (bookmark?.isHere !== true) offsets.set(lag.partition, from ?? lag.committed)
      }
      if (again.size > 0) {
        yield* goOnAt(again)
        yield* Effect.logWarning(readAgainText(topic, lags, again))
      }
      yield* write(here, offsets)
    }
    placed = new Set(partitions)
  })

  const keep = Effect.gen(function* () {
    if (placed.size === 0) return
    const mine = (yield* kafka.lag(topic, group)).filter(({ partition }) => placed.has(partition))
    const sql = yield* SqlClient.SqlClient
    const now = new Date(yield* Clock.currentTimeMillis).toISOString()
    const rows = yield* sql<{ known: number }>`
      with here as materialized (select ops.database_identity() as database),
      kept as (
        update ops.bookmarks held set "offset" = row."offset", written_at = ${now}::timestamptz
        from here, unnest(${int4s(mine.map(({ partition }) => partition))}::int[],
          ${int8s(mine.map(({ committed }) => committed))}::bigint[]) as row (partition, "offset")
        where held.consumer_group = ${group} and held.topic = ${topic} and held.partition = row.partition
          and held.database = here.database and held."offset" <> row."offset"
      )
      select count(*)::int as known from ops.bookmarks held, here
      where held.consumer_group = ${group} and held.topic = ${topic} and held.database = here.database
        and held.partition = any(${int4s(mine.map(({ partition }) => partition))}::int[])`
    if (rows[0]?.known !== mine.length) yield* goneBack.open
  })

  return {
    place: (assignment) =>
      place(assignment).pipe(
        // Somebody else has the partitions now, or we are told of them anew.
        Effect.catchIf(isOutdated, (error) => Effect.logDebug(`not placed: ${error.message}`)),
        oneAtATime
      ),
    keep: oneAtATime(keep),
    untilGoneBack: Effect.andThen(goneBack.await, goneBack.close)
  }
}

const isOutdated = (error: StageError): error is KafkaError =>
  error._tag === "KafkaError" && error.reason._tag === "IllegalGeneration"

const readAgainText = (
  topic: string,
  lags: ReadonlyArray<PartitionLag>,
  again: ReadonlyMap<number, number>
): string => {
  const messages = lags.reduce(
    (sum, { committed, partition }) => sum + committed - (again.get(partition) ?? committed),
    0
  )
  return (
    `${messages} messages of ${topic} are read again: PostgreSQL does not say that it has them. It was restored, another ` +
    "server took over, or its bookmarks were deleted. What is there does not change"
  )
}
