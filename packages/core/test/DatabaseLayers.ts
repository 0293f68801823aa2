/** The two databases of every repository contract, migrated and, for each test, emptied. */
import { RealServers } from "@metka/testing/realServers"
import { Clock, ConfigProvider, Deferred, Effect, Fiber, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import * as Database from "../src/Database.ts"
import * as EmbeddedDatabase from "../src/EmbeddedDatabase.ts"
import * as PgliteHere from "../src/PgliteHere.ts"
import { migrate, type SchemaMigrations } from "../src/Migrations.ts"

const migrated = (schemas: ReadonlyArray<SchemaMigrations>) => Layer.effectDiscard(migrate(schemas))

/** The product's own client for this URL. */
export const clientOf = (url: string) =>
  Layer.fresh(Database.layer("metka tests")).pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE_URL: url })))
  )

/** PGlite with these schemas; it takes a second to start, so one serves a file. */
export const embedded = (...schemas: ReadonlyArray<SchemaMigrations>) =>
  Layer.provideMerge(migrated(schemas), EmbeddedDatabase.layer(PgliteHere.open))

/** A retry hides a deadlock that PostgreSQL resolves; one that it leaves alone stands still, and a test sees it. */
const neverResolveDeadlocks = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [database] = yield* sql<{ name: string }>`select quote_ident(current_database()) as name`
  yield* sql.unsafe(`alter database ${database?.name} set deadlock_timeout = '10min'`)
})

/** A database of its own on the real server, with these schemas. */
export const real = (...schemas: ReadonlyArray<SchemaMigrations>) =>
  Layer.provideMerge(
    migrated(schemas),
    Layer.unwrap(
      Effect.gen(function* () {
        const url = yield* (yield* RealServers).database
        yield* Effect.provide(Effect.ignore(neverResolveDeadlocks), clientOf(url))
        return clientOf(url)
      })
    ).pipe(Layer.provide(RealServers.layer))
  )

/** Removes every row that a test before this one left. */
export const emptied = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ tables: string | null }>`
    select string_agg(format('%I.%I', schemaname, tablename), ', ') as tables from pg_tables
    where schemaname in ('ops', 'stg', 'dds', 'cdm') and tablename <> 'migrations'`
  if (typeof found?.tables === "string") yield* sql.unsafe(`truncate ${found.tables} restart identity`)
})

/** Where rows lie and which transaction wrote them: the same before and after means that no row was written. */
export const writtenRows = Effect.fnUntraced(function* (...tables: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  return yield* Effect.forEach(tables, (table) =>
    sql.unsafe<{ place: string }>(
      `select '${table} ' || ctid::text || ' ' || xmin::text as place from ${table} order by ctid`
    )
  ).pipe(Effect.map((rows) => rows.flat().map(({ place }) => place)))
})

/** Looks until the condition holds; dies with `what` after 20 seconds. */
export const eventually = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) =>
  condition.pipe(
    Effect.flatMap((holds) => (holds ? Effect.void : Effect.fail("not yet"))),
    Effect.retry(Schedule.spaced("5 millis").pipe(Schedule.upTo({ duration: "20 seconds" }))),
    Effect.catch((error) => Effect.die(new Error(`never: ${what} (${String(error)})`)))
  )

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
  eventually(
    `${count} sessions wait for a lock`,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [found] = yield* sql<{ waiting: number }>`
        select count(*)::int as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`
      return (found?.waiting ?? 0) >= count
    })
  )

/**
 * Runs it at this time of the business, in milliseconds, while time itself goes on: a TestClock would hold up the
 * connection pool, or run through every one of its timers.
 */
export const atTime = (millis: number) => atTimes(() => millis)

/** The same at a time that is asked for again each time. */
export const atTimes = (millis: () => number) =>
  Effect.updateService(Clock.Clock, (clock) => ({
    sleep: (duration) => clock.sleep(duration),
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: () => BigInt(millis()) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(millis()) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos
  }))
