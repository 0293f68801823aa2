/** Transactions that meet: one stays open while others wait for its locks. */
import { Deferred, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { eventuallyTrue } from "./eventually.ts"

/** Runs it in a transaction that stays open, with all its locks, until `release`, which commits it. */
export const openTransaction = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const sql = yield* SqlClient.SqlClient
  const done = yield* Deferred.make<A>()
  const latch = yield* Deferred.make<void>()
  const fiber = yield* effect.pipe(
    Effect.tap((value) => Deferred.succeed(done, value)),
    Effect.andThen(Deferred.await(latch)),
    sql.withTransaction,
    Effect.forkChild
  )
  const failed = Effect.andThen(Fiber.join(fiber), Effect.die(new Error("the transaction ended before its time")))
  const value = yield* Effect.raceFirst(Deferred.await(done), failed)
  return { value, release: Effect.andThen(Deferred.succeed(latch, undefined), Fiber.join(fiber)) }
})

/** Waits until so many sessions of this database wait for a lock. */
export const sessionsWaitForLocks = (count: number) =>
  eventuallyTrue(
    `${count} sessions wait for a lock`,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [found] = yield* sql<{ waiting: number }>`
        select count(*)::int as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`
      return (found?.waiting ?? 0) >= count
    })
  )
