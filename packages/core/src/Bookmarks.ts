/**
 * Where orders are read again from once the database has gone back.
 *
 * Offsets live in Kafka, what was read lives in PostgreSQL. A dump that was restored, or a standby that took over without
 * the last transactions, lacks messages that the groups have committed, and nothing would ever deliver them again. So each
 * partition has a bookmark in the database: an offset up to which everything is in it, in the tables of this stage and of
 * those behind it, and the database it was written in. A bookmark that is there was written after all that is before it,
 * and what a database loses is its end: where the bookmark is of another database than this one, reading again from it
 * misses nothing. Only the first stage does so: what it reads again it sends again, with what the references say now.
 *
 * Nothing else rests on bookmarks: which message counts is decided by its content, and where a group goes on by Kafka.
 */
import { Clock, Effect, Latch, Semaphore } from "effect"
import { SqlClient } from "effect/sql"
import { int4s, int8s } from "./arrays.ts"
import type { Assignment, Kafka, KafkaError, PartitionLag } from "./Kafka.ts"
import type { StageError } from "./Outage.ts"
import type { StagePlace } from "./Stage.ts"

/** What the database holds of a partition. */
interface Bookmark {
  readonly offset: number
  /** Whether it was written in the database that this one is. */
  readonly isHere: boolean
}

type Offsets = ReadonlyMap<number, number>

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
  /** Moves the bookmarks to what is committed, as far as the stages behind have it too. */
  readonly keep: Effect.Effect<void, StageError, SqlClient.SqlClient>
  /** Ends when `keep` has found that the database has gone back: the partitions have to be placed again. */
  readonly untilGoneBack: Effect.Effect<void>
}

export interface BookmarksOptions {
  readonly topic: string
  readonly group: string
  readonly output: string
  readonly place: StagePlace
}

/** Bookmarks of a stage; of the first one, of the partitions that this process has. */
export const makeBookmarks = (kafka: Kafka["Service"], options: BookmarksOptions): Bookmarks => {
  const { group, output, topic } = options
  let placed: ReadonlySet<number> = new Set()
  /** What was committed, to be written once the next stage has all that was in the output by then. */
  let pending: { readonly offsets: Offsets; readonly ends: Offsets } | undefined
  const goneBack = Latch.makeUnsafe(false)
  /** What was committed before the group was taken back must not become a bookmark after it. */
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

  const place = Effect.fnUntraced(function* ({ goOnAt, partitions }: Assignment) {
    placed = new Set()
    pending = undefined
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
      // As of the database they were read in: if that has gone back meanwhile, they are found to be of another one.
      yield* write(here, offsets)
    }
    placed = new Set(partitions)
  })

  const write = Effect.fnUntraced(function* (here: string, offsets: Offsets) {
    if (offsets.size === 0) return
    const sql = yield* SqlClient.SqlClient
    const now = new Date(yield* Clock.currentTimeMillis).toISOString()
    yield* sql`
      insert into ops.bookmarks as held (consumer_group, topic, partition, "offset", database, written_at)
      select ${group}, ${topic}, partition, "offset", ${here}, ${now}::timestamptz
      from unnest(${int4s([...offsets.keys()])}::int[], ${int8s([...offsets.values()])}::bigint[]) as row (partition, "offset")
      order by partition
      on conflict (consumer_group, topic, partition) do update
      set "offset" = excluded."offset", database = excluded.database, written_at = excluded.written_at
      where (held."offset", held.database) is distinct from (excluded."offset", excluded.database)`
  })

  /** Writes those whose bookmarks are of this database; says whether all of the partitions have one. */
  const move = Effect.fnUntraced(function* (partitions: ReadonlyArray<number>, offsets: Offsets) {
    const sql = yield* SqlClient.SqlClient
    const now = new Date(yield* Clock.currentTimeMillis).toISOString()
    const rows = yield* sql<{ known: number }>`
      with here as materialized (select ops.database_identity() as database),
      moved as (
        update ops.bookmarks held set "offset" = row."offset", written_at = ${now}::timestamptz
        from here, unnest(${int4s([...offsets.keys()])}::int[], ${int8s([...offsets.values()])}::bigint[])
          as row (partition, "offset")
        where held.consumer_group = ${group} and held.topic = ${topic} and held.partition = row.partition
          and held.database = here.database and held."offset" <> row."offset"
      )
      select count(*)::int as known from ops.bookmarks held, here
      where held.consumer_group = ${group} and held.topic = ${topic} and held.database = here.database
        and held.partition = any(${int4s(partitions)}::int[])`
    return rows[0]?.known === partitions.length
  })

  /** Whether the next stage's bookmarks are past what was in the output. */
  const isFollowed = Effect.fnUntraced(function* (ends: Offsets) {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ partition: number; offset: string }>`
      select partition, "offset"::text as "offset" from ops.bookmarks where topic = ${output}`
    const followed = new Map(rows.map(({ offset, partition }) => [partition, Number(offset)]))
    return [...ends].every(([partition, end]) => (followed.get(partition) ?? 0) >= end)
  })

  /** What of the committed offsets can be written now. */
  const ready = Effect.fnUntraced(function* (committed: Offsets) {
    if (options.place.isLast) return committed
    const done = pending !== undefined && (yield* isFollowed(pending.ends)) ? pending.offsets : undefined
    if (pending === undefined || done !== undefined) {
      // The ends after the offsets: a stage publishes before it commits.
      const ends = yield* kafka.lag(output, group)
      pending = { offsets: committed, ends: new Map(ends.map(({ end, partition }) => [partition, end])) }
    }
    return done ?? new Map()
  })

  const keep = Effect.gen(function* () {
    if (options.place.isFirst && placed.size === 0) return
    const lags = yield* kafka.lag(topic, group)
    const mine = options.place.isFirst ? lags.filter(({ partition }) => placed.has(partition)) : lags
    const partitions = mine.map(({ partition }) => partition)
    const offsets = yield* ready(new Map(mine.map(({ committed, partition }) => [partition, committed])))
    if (!options.place.isFirst) return yield* write((yield* read([])).here, offsets)
    if (!(yield* move(partitions, offsets))) yield* goneBack.open
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

const readAgainText = (topic: string, lags: ReadonlyArray<PartitionLag>, again: Offsets): string => {
  const messages = lags.reduce(
    (sum, { committed, partition }) => sum + committed - (again.get(partition) ?? committed),
    0
  )
  return (
    `${messages} messages of ${topic} are read again: PostgreSQL does not say that it has them. It was restored, another ` +
    "server took over, or its bookmarks were deleted. What is there does not change"
  )
}
