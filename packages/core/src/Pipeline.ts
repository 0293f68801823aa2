/**
 * The one shape of a service: record batches flow decode → enrich → one transaction → publish → commit.
 *
 * A service supplies pure functions and SQL; everything about time is here. Bad records are values and go to the dead
 * letters inside the batch's transaction. Outages are retried for as long as they last. What a server refuses for the
 * data's sake is halved until the bad record stands alone. The offset is committed last, so a crash anywhere repeats
 * work and changes nothing.
 */
import { Duration, Effect, Exit, Fiber, FiberHandle, Latch, Result, Schedule, Semaphore, Stream } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { endingWithin } from "./endingWithin.ts"
import { transaction } from "./transaction.ts"
import { type BatchTrace, traceBatch } from "./BatchTrace.ts"
import { type DeadLetter, keepDeadLetters } from "./DeadLetters.ts"
import { Health } from "./Health.ts"
import { releaseHeapAfter } from "./HeapRelease.ts"
import { Kafka, type KafkaRecord, type OutgoingRecord, type RecordBatch } from "./Kafka.ts"
import { BadRecord, cleanDetail } from "./messages/BadRecord.ts"
import * as MessagingMetrics from "./MessagingMetrics.ts"
import * as Metrics from "./Metrics.ts"
import { makeOffsetCommits } from "./OffsetCommits.ts"
import { componentOf, describe, isContention, type StageError, refusalOf, retryWhile } from "./Outage.ts"
import { publish } from "./publish.ts"
import { eachInTurns } from "./turns.ts"

/** A decoded record. `traceparent` is what its outgoing messages carry on. */
export interface Received<A> {
  readonly record: KafkaRecord
  readonly message: A
  readonly traceparent: string
}

/** What a transaction did with a batch, and what it gives the next stage. */
export interface Stored {
  readonly outgoing: ReadonlyArray<OutgoingRecord>
  readonly outcomes: Metrics.Outcomes
  /** For what a stage remembers of the database: runs once the transaction is committed. */
  readonly onCommitted?: () => void
}

export interface Stage<A, P, R> {
  readonly service: string
  readonly topic: string
  readonly group: string
  readonly output: string
  /** Upper bound of records in one batch, and so in one transaction. */
  readonly maxRecords: number
  /** Pure; what it refuses becomes a dead letter. */
  readonly decode: (record: KafkaRecord) => Result.Result<A, BadRecord>
  /** Everything a batch needs before its transaction opens: pure transforms and reads of reference data. */
  readonly enrich: (received: ReadonlyArray<Received<A>>) => Effect.Effect<P, StageError, R>
  /** Runs inside the transaction. */
  readonly store: (prepared: P) => Effect.Effect<Stored, SqlError, SqlClient.SqlClient>
  /** Runs after the batch is published, for what is announced because something changed. */
  readonly announce?: Effect.Effect<void, StageError, SqlClient.SqlClient | R>
}

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

/** A transaction that takes longer is told of. */
const slowAfter = Duration.seconds(10)

/** A first attempt that takes longer is begun anew on another connection. */
const firstPatience = Duration.minutes(1)
/** Each further attempt may take twice as long, up to this: one that is only slow must come to its end. */
const longestPatience = Duration.minutes(16)

/** Long enough for a batch under way at SIGTERM, short enough that the process ends within two seconds. */
const grace = Duration.millis(850)

interface Prepared<P> {
  readonly batch: RecordBatch
  readonly trace: BatchTrace
  readonly letters: ReadonlyArray<DeadLetter>
  readonly enriched: P
  readonly seconds: Metrics.Seconds
}

/** Runs the stage until it is interrupted; a batch under way is finished first if it can be within a second. */
export const run = <A, P, R>(stage: Stage<A, P, R>) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const health = yield* Health
    const offsets = makeOffsetCommits(kafka, stage.group)

    const isUp = (component: string) => health.report(component, "up", stage.service)
    const isDown = (component: string, error: StageError) =>
      health.report(component, { down: describe(error) }, stage.service)

    /** Retries for as long as an outage lasts, and says that it is one, and when it is over. */
    const waitOut = <B, E extends StageError, R2>(effect: Effect.Effect<B, E, R2>, isRefused = isRefusal) =>
      effect.pipe(
        Effect.catch((failure) => (isRefused(failure) ? Effect.fail(failure) : tryAgain(effect, failure, isRefused)))
      )

    const tryAgain = <B, E extends StageError, R2>(
      effect: Effect.Effect<B, E, R2>,
      failure: E,
      isRefused: (error: E) => boolean
    ) =>
      Effect.suspend(() => {
        // The attempt that was made by itself: nearly no batch needs more.
        const tried = [Effect.fail(failure)]
        const down = new Set<string>()
        const found = Effect.fnUntraced(function* (error: E) {
          const component = componentOf(error)
          down.add(component)
          yield* isDown(component, error)
          yield* Effect.logWarning(`waiting: ${describe(error)}`)
        })
        return Effect.suspend(() => tried.pop() ?? effect).pipe(
          Effect.tapError((error) => (isRefused(error) || isContention(error) ? Effect.void : found(error))),
          Effect.retry(retryWhile((error: E) => !isRefused(error))),
          Effect.tap(() => Effect.forEach(down, isUp, { discard: true }))
        )
      })

    const patiently = <B, E, R2>(attempt: Effect.Effect<B, E, R2>) => {
      let patience = firstPatience
      return Effect.suspend(() => {
        const now = patience
        patience = Duration.min(Duration.times(now, 2), longestPatience)
        return endingWithin(attempt, now)
      })
    }

    /** One that waits for a lock answers nothing and fails with nothing. */
    const tellingSlowness = <B, E, R2>(attempt: Effect.Effect<B, E, R2>) => {
      const down = `no end of a transaction within ${Duration.format(slowAfter)}: a table may be locked, see pg_locks, or the server may be gone`
      const told = Effect.andThen(
        health.report("postgres", { down }, stage.service),
        Effect.logWarning(`waiting: PostgreSQL: ${down}`)
      )
      return Effect.acquireUseRelease(
        Effect.forkChild(Effect.delay(told, slowAfter)),
        (telling) => Effect.tap(attempt, () => (telling.pollUnsafe() === undefined ? Effect.void : isUp("postgres"))),
        Fiber.interrupt
      )
    }

    const decode = (record: KafkaRecord): Result.Result<A, BadRecord> => {
      try {
        return stage.decode(record)
      } catch (error) {
        // What decoding did not foresee must not stop the records behind it.
        return Result.fail(new BadRecord({ reason: "schema", detail: cleanDetail(String(error)) }))
      }
    }

    const decodeBatch = Effect.fnUntraced(function* (records: BatchTrace["records"]) {
      const received: Array<Received<A>> = []
      const letters: Array<DeadLetter> = []
      yield* eachInTurns(records, ({ record, traceparent }) =>
        Result.match(decode(record), {
          onFailure: (bad) => letters.push({ record, bad }),
          onSuccess: (message) => received.push({ record, message, traceparent })
        })
      )
      return { received, letters }
    })

    const prepare = Effect.fnUntraced(function* (batch: RecordBatch) {
      const trace = yield* traceBatch(kafka, stage.group, batch)
      const [decodeSeconds, { letters, received }] = yield* timed(decodeBatch(trace.records))
      const [enrichSeconds, enriched] = yield* timed(waitOut(stage.enrich(received))).pipe(
        Effect.withParentSpan(trace.span)
      )
      yield* isUp("redis")
      const prepared: Prepared<P> = {
        batch,
        trace,
        letters,
        enriched,
        seconds: { decode: decodeSeconds, enrich: enrichSeconds }
      }
      return prepared
    })

    const settle = (
      records: BatchTrace["records"],
      letters: ReadonlyArray<DeadLetter>,
      enriched: Effect.Effect<P, StageError, R>
    ): Effect.Effect<Metrics.Settled, StageError, R | SqlClient.SqlClient> =>
      Effect.gen(function* () {
        const prepared = yield* enriched
        const [storeSeconds, stored] = yield* timed(
          waitOut(
            patiently(
              tellingSlowness(
                transaction(keepDeadLetters(stage.service, letters).pipe(Effect.andThen(stage.store(prepared))))
              )
            )
          )
        )
        stored.onCommitted?.()
        const [publishSeconds] = yield* timed(
          waitOut(Effect.provideService(publish(stage.output, stored.outgoing), Kafka, kafka))
        )
        return { outcomes: stored.outcomes, letters, seconds: { store: storeSeconds, publish: publishSeconds } }
      }).pipe(
        Effect.catch((error) => {
          const refusal = refusalOf(error)
          return refusal === undefined ? Effect.fail(error) : isolate(records, refusal)
        })
      )

    /** Halves a refused batch until the record that is refused stands alone. Decodes anew: messages are not kept for it. */
    const isolate = (
      records: BatchTrace["records"],
      refusal: BadRecord
    ): Effect.Effect<Metrics.Settled, StageError, R | SqlClient.SqlClient> => {
      if (records.length === 1) {
        const letters = records.map(({ record }) => ({ record, bad: refusal }))
        // There is nowhere else to put it: a refusal is waited out too.
        return waitOut(patiently(transaction(keepDeadLetters(stage.service, letters))), () => false).pipe(
          Effect.as({ outcomes: {}, letters, seconds: {} })
        )
      }
      const middle = records.length >> 1
      const half = (part: BatchTrace["records"]) =>
        Effect.flatMap(decodeBatch(part), ({ letters, received }) =>
          settle(part, letters, waitOut(stage.enrich(received)))
        )
      return Effect.zipWith(half(records.slice(0, middle)), half(records.slice(middle)), Metrics.combineSettled)
    }

    const announced = stage.announce === undefined ? Effect.void : waitOut(stage.announce)

    /** What is left when a batch is stored, published and announced. The next one is stored meanwhile. */
    const conclude = Effect.fnUntraced(function* (batch: RecordBatch, settled: Metrics.Settled) {
      const [commit] = yield* timed(offsets.commit(batch))
      yield* isUp("kafka")
      yield* tellLetters(settled.letters)
      const seconds = { ...settled.seconds, commit }
      yield* Metrics.recordBatch(stage.service, batch, { ...settled, seconds })
      yield* releaseHeapAfter(batch.records.length)
      yield* MessagingMetrics.recordProcessed(stage.topic, stage.group, batch.records.length, seconds)
    })

    const consume = Effect.gen(function* () {
      const memory = Semaphore.makeUnsafe(batchesInMemory)
      const concluding = yield* FiberHandle.make<void, StageError>()
      /** Open while a batch is being settled: the one before need not wait any longer. */
      const hurry = Latch.makeUnsafe(false)
      /** Of the batch that is being settled. */
      const turn = Semaphore.makeUnsafe(1)

      const finish = (prepared: Prepared<P>) =>
        Effect.gen(function* () {
          const { batch, letters, seconds, trace } = prepared
          yield* hurry.open
          const settled = yield* Effect.withParentSpan(
            settle(trace.records, letters, Effect.succeed(prepared.enriched)),
            trace.span
          )
          yield* isUp("postgres")
          const concluded = Effect.onExit(announced, trace.end).pipe(
            Effect.andThen(Effect.timeoutOption(hurry.await, concludeAfter)),
            Effect.andThen(conclude(batch, { ...settled, seconds: { ...seconds, ...settled.seconds } })),
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
        onFetching: (problem) => (problem === undefined ? isUp("kafka") : isDown("kafka", problem))
      })
      const batches = consumption.pipe(
        Stream.mapEffect((batch) => Effect.andThen(memory.take(1), prepare(batch))),
        Stream.buffer({ capacity: 1 }),
        Stream.runForEach((prepared) => turn.withPermits(1)(finish(prepared)))
      )
      yield* stoppingAfter(
        Effect.raceFirst(batches, FiberHandle.join(concluding)),
        // The turn is not given back: no other batch begins.
        Effect.all([turn.take(1), hurry.open, FiberHandle.awaitEmpty(concluding)])
      )
    }).pipe(Effect.scoped)

    const watchLag = kafka.lag(stage.topic, stage.group).pipe(
      Effect.flatMap((lags) => Metrics.setConsumerLag(stage.topic, lags)),
      Effect.catch((error) => Effect.logDebug(`the lag is not known now: ${error.message}`)),
      Effect.repeat(Schedule.spaced("30 seconds"))
    )
    const catchUp = Effect.repeat(offsets.catchUp, Schedule.spaced("10 seconds"))

    yield* Metrics.recordStart(stage.service, stage.topic)
    yield* waitOut(kafka.ensureTopics([stage.topic, stage.output]))
    yield* Effect.all([waitOut(consume), watchLag, catchUp], { concurrency: "unbounded", discard: true })
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

const isRefusal = (error: StageError): boolean => refusalOf(error) !== undefined

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [seconds: number, value: A], E, R> =>
  Effect.clockWith((clock) => {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    return Effect.map(effect, (value) => [Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9, value] as const)
  })
