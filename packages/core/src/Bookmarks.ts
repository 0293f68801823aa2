/**
 * Where orders are read again from once the database has gone back.
 *
 * Offsets live in Kafka, what was read lives in PostgreSQL. A dump that was restored, or a standby that took over without
 * the last transactions, lacks messages that the groups have committed, and nothing would ever deliver them again. So each
 * partition of the first stage has a bookmark in the database: an offset up to which everything is in it, in the tables of
 * all stages, and the database it was written in. A bookmark that is there was written after all that is before it, and
 * what a database loses is its end: where the bookmark is of another database than this one, reading again from it misses
 * nothing. Only the first stage does so: what it reads again it sends again, with what the references say now.
 *
 * The later stages' bookmarks say how far they are with what the stage before has sent. They may cover messages that the
 * database has lost. That does no harm: the first stage sends these again, and its own bookmark waits until the later
 * stages have passed the new copies.
 *
 * Nothing else rests on bookmarks: which message counts is decided by its content, and where a group goes on by Kafka.
 */
import { Effect, Latch, Semaphore } from "effect"
import type { SqlClient } from "effect/sql"
import { type Bookmark, bookmarkRows, type Offsets } from "./BookmarkRows.ts"
import { type Assignment, illegalGeneration, type Kafka, type KafkaError, type PartitionLag } from "./Kafka.ts"
import type { StageError } from "./Outage.ts"

/**
 * The offset from which a partition must be read again, or `undefined` when the group can go on. Without a bookmark the
 * database knows of nothing that was read; and one past what the group has committed is of another log.
 * @param isHere whether the bookmark is of the database that is there now
 */
export const readAgainFrom = ({ committed, start }: PartitionLag, bookmark: Bookmark | undefined, isHere: boolean) => {
  if (bookmark !== undefined && isHere) return undefined
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
  readonly isFirst: boolean
  readonly nextGroup?: string
}

/** What was committed, to become bookmarks once the next stage has all that was in the output by then. */
interface Noted {
  readonly here: string
  readonly committed: Offsets
  readonly ends: Offsets
}

const nothing: Offsets = new Map()

/** Bookmarks of a stage; of the first one, of the partitions that this process has. */
export const makeBookmarks = (kafka: Kafka["Service"], options: BookmarksOptions): Bookmarks => {
  const { group, isFirst, nextGroup, output, topic } = options
  const rows = bookmarkRows(group, topic)
  let placed: ReadonlySet<number> = new Set()
  let noted: Noted | undefined
  /** The database that this process placed partitions in last. */
  let lastHere: string | undefined
  const goneBack = Latch.makeUnsafe(false)
  /** What was committed before the group was taken back must not become a bookmark after it. */
  const oneAtATime = Semaphore.makeUnsafe(1).withPermits(1)

  const forget = () => {
    placed = new Set()
    noted = undefined
  }

  /** Says `false` when the database has become another one meanwhile. */
  const placeOnce = Effect.fnUntraced(function* ({ goOnAt, partitions }: Assignment) {
    const { held, here } = yield* rows.read
    // We may have been with an old primary, cut off, while others placed the partitions in the new one.
    const isHere = (bookmark: Bookmark | undefined) => bookmark?.database === here && (lastHere ?? here) === here
    const lags = partitions.every((partition) => isHere(held.get(partition))) ? [] : yield* kafka.lag(topic, group)
    const again = new Map<number, number>()
    const offsets = new Map<number, number>()
    for (const lag of lags) {
      const bookmark = held.get(lag.partition)
      if (!partitions.includes(lag.partition) || isHere(bookmark)) continue
      const from = readAgainFrom(lag, bookmark, false)
      if (from !== undefined) again.set(lag.partition, from)
      offsets.set(lag.partition, from ?? lag.committed)
    }
    if (again.size > 0) yield* Effect.logWarning(readAgainText(topic, lags, again))
    if (offsets.size > 0) {
      // Those that stay where they are too: an attempt before this one may have committed, and not been told.
      yield* goOnAt(offsets)
      yield* checkIsAt(offsets)
      if ((yield* rows.write(here, offsets, "upsert")) !== here) return false
    }
    lastHere = here
    placed = new Set(partitions)
    return true
  })

  /** A member that is ending may say that it has committed, and has not. */
  const checkIsAt = Effect.fnUntraced(function* (offsets: Offsets) {
    const lags = yield* kafka.lag(topic, group)
    if (lags.some(({ committed, partition }) => committed > (offsets.get(partition) ?? committed))) {
      return yield* illegalGeneration(group, topic)
    }
  })

  /** What of the committed offsets all stages behind have gone past. */
  const confirmed = Effect.fnUntraced(function* (here: string, committed: Offsets) {
    if (nextGroup === undefined) return committed
    const { held } = yield* bookmarkRows(nextGroup, output).read
    // The ends last: a stage publishes before it commits, and no bookmark of this log is past them. By the own group: on
    // the next one a service has no right.
    const ends = new Map((yield* kafka.lag(output, group)).map(({ end, partition }) => [partition, end]))
    const hasPassed = ([partition, end]: readonly [number, number]) => {
      const offset = held.get(partition)?.offset ?? 0
      return offset >= end && offset <= (ends.get(partition) ?? 0)
    }
    const isOfThisLog = ([partition, end]: readonly [number, number]) => end <= (ends.get(partition) ?? -1)
    const valid = noted?.here === here && [...noted.ends].every(isOfThisLog) ? noted : undefined
    const done = valid !== undefined && [...valid.ends].every(hasPassed)
    if (valid === undefined || done) noted = { here, committed, ends }
    return done ? valid.committed : nothing
  })

  const keep = Effect.gen(function* () {
    if (isFirst && placed.size === 0) return
    // Before the offsets: those that were committed in a database that is gone say nothing about this one.
    const { held, here } = yield* rows.read
    if ([...placed].some((partition) => held.get(partition)?.database !== here)) {
      forget()
      return yield* goneBack.open
    }
    const lags = yield* kafka.lag(topic, group)
    const mine = isFirst ? lags.filter(({ partition }) => placed.has(partition)) : lags
    const offsets = yield* confirmed(here, new Map(mine.map(({ committed, partition }) => [partition, committed])))
    if (offsets.size > 0) yield* rows.write(here, offsets, isFirst ? "update" : "upsert")
  })

  return {
    place: (assignment) =>
      Effect.sync(forget).pipe(
        Effect.andThen(Effect.repeat(placeOnce(assignment), { until: (isPlaced) => isPlaced })),
        // The membership is ending: whoever gets the partitions next places them.
        Effect.catchIf(isOutdated, (error) => Effect.logDebug(`not placed: ${error.message}`)),
        Effect.asVoid,
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
    "server took over, its bookmarks were deleted, or this is the first release that keeps them. What is there does not change"
  )
}
