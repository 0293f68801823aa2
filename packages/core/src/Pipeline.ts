/**
 * The one shape of a service: record batches flow decode → enrich → one transaction → publish → commit.
 *
 * A service supplies pure functions and SQL (`Stage.ts`); when what is done follows from here. Outages are retried for as
 * long as they last (`Waiting.ts`). Bad records are values and go to the dead letters inside the batch's transaction;
 * what a server refuses for the data's sake is halved until the bad record stands alone (`Settling.ts`). The offset is
 * committed last, so a crash anywhere repeats work and changes nothing. Where the database itself has gone back, what it
 * lacks is read again (`Bookmarks.ts`).
 */
import { Duration, Effect, Exit, Fiber, FiberHandle, Latch, Schedule, Semaphore, Stream } from "effect"
import type { SqlClient } from "effect/sql"
import { type BatchTrace, traceBatch } from "./BatchTrace.ts"
import { makeBookmarks } from "./Bookmarks.ts"
import type { DeadLetter } from "./DeadLetters.ts"
import { decodeBatch } from "./decodeBatch.ts"
import { endingWithin } from "./endingWithin.ts"
import { Health } from "./Health.ts"
import { releaseHeapAfter } from "./HeapRelease.ts"
import { type Assignment, Kafka, type RecordBatch } from "./Kafka.ts"
import * as MessagingMetrics from "./MessagingMetrics.ts"
import * as Metrics from "./Metrics.ts"
import { makeOffsetCommits } from "./OffsetCommits.ts"
import type { StageError } from "./Outage.ts"
import type { Settled, Took } from "./Settled.ts"
import { makeSettle } from "./Settling.ts"
import type { Stage } from "./Stage.ts"
import { makeWaiting } from "./Waiting.ts"

/**
 * One batch is written, the next one is decoded and enriched. More would only wait, and fill the memory. Of the one
 * before, which is concluded meanwhile, nothing is kept but its records as they were fetched.
 */
const batchesInMemory = 2

/**
 * So long the offsets of a batch wait, unless the next batch begins to be stored before: meanwhile the stages behind have
 * the cores of a small machine for themselves, and an order is in the marts a millisecond earlier. A lone order is through
 * them by then.
 */
const concludeAfter = Duration.millis(25)

/** So long it takes to notice that the database has gone back. */
const bookmarksEvery = "30 seconds"
const bookmarksTimeout = "30 seconds"

/** Long enough for a batch under way at SIGTERM, short enough that the process ends within two seconds. */
const grace = Duration.millis(850)

interface Prepared<P> {
  readonly batch: RecordBatch
  readonly trace: BatchTrace
  readonly letters: ReadonlyArray<DeadLetter>
  readonly enriched: P
  readonly took: Took
}

/** Runs the stage until it is interrupted; a batch under way is finished first if it can be within `grace`. */
export const run = <A, P, R>(stage: Stage<A, P, R>) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const waiting = makeWaiting(yield* Health, stage.service)
    const { isDown, isUp, waitOut } = waiting
    const offsets = makeOffsetCommits(kafka, stage.group)
    const bookmarks = makeBookmarks(kafka, stage)
    const context = yield* Effect.context<R | SqlClient.SqlClient>()
    const settle = makeSettle(stage, kafka, waiting)

    const prepare = Effect.fnUntraced(function* (batch: RecordBatch) {
      const trace = yield* traceBatch(kafka, stage.group, batch)
      const [decode, { letters, received }] = yield* Effect.timed(decodeBatch(stage.decode, trace.records))
      const [enrich, enriched] = yield* Effect.timed(waitOut(stage.enrich(received))).pipe(
        Effect.withParentSpan(trace.span)
      )
      const prepared: Prepared<P> = { batch, trace, letters, enriched, took: { decode, enrich } }
      return prepared
    })

    const announced = stage.announce === undefined ? Effect.void : waitOut(stage.announce)

    /** Nothing of it comes from a message, so that whatever fails is an outage. */
    const placed = (assignment: Assignment) =>
      waitOut(endingWithin(bookmarks.place(assignment), bookmarksTimeout), () => false).pipe(
        Effect.orDie,
        Effect.provideContext(context)
      )

    /** What is left when a batch is stored, published and announced. The next one is stored meanwhile. */
    const conclude = Effect.fnUntraced(function* (batch: RecordBatch, settled: Settled) {
      const [commit] = yield* Effect.timed(offsets.commit(batch))
      yield* isUp("kafka")
      yield* tellLetters(settled.letters)
      const took = { ...settled.took, commit }
      yield* Metrics.recordBatch(stage.service, batch, { ...settled, took })
      yield* releaseHeapAfter(batch.records.length)
      yield* MessagingMetrics.recordProcessed(stage.topic, stage.group, batch.records.length, took)
    })

    const consume = Effect.gen(function* () {
      // Three batches are under way at most: one is prepared, the one before it settled, the one before that concluded.
      /** Held from the first step of preparing to the last of settling: for so long a decoded batch is in memory. */
      const memory = Semaphore.makeUnsafe(batchesInMemory)
      /** Held while settling. Batches come one at a time anyway; it is for stopping, which takes it and keeps it. */
      const turn = Semaphore.makeUnsafe(1)
      /** Has the batch that is concluded. A settled one waits until it is empty: offsets are committed in order. */
      const concluding = yield* FiberHandle.make<void, StageError>()
      /** Open while a batch is settled, and when stopping: the one that is concluded need not wait any longer. */
      const hurry = Latch.makeUnsafe(false)

      const finish = (prepared: Prepared<P>) =>
        Effect.gen(function* () {
          const { batch, letters, took, trace } = prepared
          yield* hurry.open
          const settled = yield* Effect.withParentSpan(
            settle(trace.records, letters, Effect.succeed(prepared.enriched)),
            trace.span
          )
          yield* isUp("postgres")
          const concluded = Effect.onExit(announced, trace.end).pipe(
            Effect.andThen(Effect.timeoutOption(hurry.await, concludeAfter)),
            Effect.andThen(conclude(batch, { ...settled, took: { ...took, ...settled.took } })),
            Effect.withParentSpan(trace.span)
          )
          yield* FiberHandle.awaitEmpty(concluding)
          yield* hurry.close
          yield* FiberHandle.run(concluding, concluded)
        }).pipe(
          Effect.onError((cause) => prepared.trace.end(Exit.failCause(cause))),
          Effect.ensuring(memory.release(1))
        )

      const consumption = kafka.consume({
        topic: stage.topic,
        group: stage.group,
        maxRecords: stage.maxRecords,
        ...(stage.isFirst ? { onAssigned: placed } : {}),
        onFetching: (problem) => (problem === undefined ? isUp("kafka") : isDown("kafka", problem))
      })
      const batches = consumption.pipe(
        Stream.mapEffect((batch) => Effect.andThen(memory.take(1), prepare(batch))),
        Stream.buffer({ capacity: 1 }),
        Stream.runForEach((prepared) => turn.withPermits(1)(finish(prepared)))
      )
      yield* stoppingAfter(
        Effect.raceFirst(batches, FiberHandle.join(concluding)),
        // The turn is not given back, so no other batch begins.
        Effect.all([turn.take(1), hurry.open, FiberHandle.awaitEmpty(concluding)])
      )
    }).pipe(Effect.scoped)

    const watchLag = kafka.lag(stage.topic, stage.group).pipe(
      Effect.flatMap((lags) => Metrics.setConsumerLag(stage.topic, lags)),
      Effect.catch((error) => Effect.logDebug(`the lag is not known now: ${error.message}`)),
      Effect.repeat(Schedule.spaced("30 seconds"))
    )
    const keepBookmarks = endingWithin(bookmarks.keep, bookmarksTimeout).pipe(
      Effect.catch((error) => Effect.logDebug(`bookmarks stay where they are: ${error.message}`)),
      Effect.delay(bookmarksEvery),
      Effect.forever
    )
    const catchUp = Effect.repeat(offsets.catchUp, Schedule.spaced("10 seconds"))

    yield* Metrics.recordStart(stage.service, stage.topic)
    yield* waitOut(kafka.ensureTopics([stage.topic, stage.output]))
    /** Whoever joins anew is told of its partitions anew, and places them. */
    const consumeOn = Effect.forever(Effect.raceFirst(waitOut(consume), bookmarks.untilGoneBack))
    yield* Effect.all([consumeOn, watchLag, keepBookmarks, catchUp], { concurrency: "unbounded", discard: true })
  })

/** By reason, since the letters themselves hold what guests are called. */
const tellLetters = (letters: ReadonlyArray<DeadLetter>): Effect.Effect<void> => {
  if (letters.length === 0) return Effect.void
  const reasons = [...Map.groupBy(letters, ({ bad }) => bad.reason)].map(([why, { length }]) => `${length} ${why}`)
  return Effect.logWarning(
    `to the dead letters: ${reasons.join(", ")}; \`npx metka dead-letters list\` says why of each`
  )
}

/**
 * On interruption the effect goes on until `last` is done, for `grace` at most: no batch is left half done, and its
 * offsets are committed while we still are a member of the group.
 */
const stoppingAfter = <A, E, R, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  last: Effect.Effect<unknown, E2, R2>
): Effect.Effect<A, E, R | R2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(restore(effect))
      return yield* restore(Fiber.join(fiber)).pipe(
        Effect.onInterrupt(() => Effect.andThen(Effect.exit(Effect.timeoutOption(last, grace)), Fiber.interrupt(fiber)))
      )
    })
  )
