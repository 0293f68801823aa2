import { assert, describe, it } from "@effect/vitest"
import { atTimes } from "@metka/testing/atTime"
import { clientOf } from "@metka/testing/databaseLayers"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ownPostgresServer, tcpProxy } from "@metka/testing/servers"
import { Effect, Fiber, Latch, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { maxConnections } from "../src/Database.ts"
import { endingWithin } from "../src/endingWithin.ts"
import { KafkaError, KafkaUnavailable } from "../src/Kafka.ts"
import { describe as told, isPassing, refusalOf } from "../src/Outage.ts"
import { transaction } from "../src/transaction.ts"

const select = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select 1 as one`)
const untilUp = Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "20 seconds" }))

const withQuery = (url: string, query: string) => `${url}?${query}`

/** What new sessions of this database begin with. */
const set = (url: string, setting: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [database] = yield* sql<{ name: string }>`select quote_ident(current_database()) as name`
    yield* sql.unsafe(`alter database ${database?.name} ${setting}`)
  }).pipe(Effect.provide(clientOf(withQuery(url, "options=-c%20default_transaction_read_only%3Doff"))))

describe.skipIf(isMissing("postgres"))("Database.layer on a real server", () => {
  it.live(
    "a server that is down does not fail the layer, and the client works when it is back",
    () =>
      Effect.gen(function* () {
        const server = yield* ownPostgresServer
        yield* server.stop
        yield* Effect.gen(function* () {
          assert.isUndefined(refusalOf(yield* Effect.flip(select)))
          yield* server.start
          assert.deepStrictEqual(yield* Effect.retry(select, untilUp), [{ one: 1 }])

          const sql = yield* SqlClient.SqlClient
          yield* server.stop
          const lost = yield* Effect.flip(sql.withTransaction(select))
          assert.isUndefined(refusalOf(lost), "an outage, not the data's fault")
          yield* server.start
          assert.deepStrictEqual(yield* Effect.retry(sql.withTransaction(select), untilUp), [{ one: 1 }])
        }).pipe(Effect.provide(clientOf(server.url)))
      }),
    60_000
  )

  it.live("a transaction sees what it has waited for, whatever isolation the database has for its default", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      const name = new URL(url).pathname.slice(1)
      const setDefault = Effect.flatMap(SqlClient.SqlClient, (sql) =>
        sql.unsafe(`alter database "${name}" set default_transaction_isolation = 'repeatable read'`)
      )
      yield* Effect.provide(setDefault, clientOf(url))
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const rows = yield* transaction(sql`show transaction_isolation`)
        assert.deepStrictEqual(rows, [{ transaction_isolation: "read committed" }])
        // The default that was meant to be another one.
        assert.deepStrictEqual(yield* sql`show default_transaction_isolation`, [
          { default_transaction_isolation: "repeatable read" }
        ])
      }).pipe(Effect.provide(clientOf(url)))
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("a server that is shut down under a transaction is an outage", () =>
    Effect.gen(function* () {
      const server = yield* ownPostgresServer
      yield* Effect.gen(function* () {
        const lost = yield* select.pipe(Effect.andThen(server.stop), Effect.andThen(select), transaction, Effect.flip)
        assert.isTrue(lost._tag === "SqlError" && refusalOf(lost) === undefined)
      }).pipe(Effect.provide(clientOf(server.url)))
    })
  )

  it.live("so it is when what was done in it has failed for another server's sake", () =>
    Effect.gen(function* () {
      const server = yield* ownPostgresServer
      const slow = new KafkaError({ operation: "publish", reason: new KafkaUnavailable({ message: "no answer" }) })
      yield* Effect.gen(function* () {
        const lost = yield* select.pipe(Effect.andThen(server.stop), Effect.andThen(slow), transaction, Effect.flip)
        assert.isUndefined(refusalOf(lost))
      }).pipe(Effect.provide(clientOf(server.url)))
    })
  )

  it.live(
    "a server that vanishes without a word costs the time allowed, whatever was asked last, and the next has another connection",
    () =>
      Effect.gen(function* () {
        const url = new URL(yield* (yield* RealServers).database)
        const attempt = <A, E, R>(work: Effect.Effect<A, E, R>) => endingWithin(transaction(work), "500 millis")
        const asked = Effect.asVoid(select)
        const lostAt = (
          vanishing: (vanish: Effect.Effect<void>) => ReturnType<typeof attempt<void, SqlError, SqlClient.SqlClient>>
        ) =>
          Effect.gen(function* () {
            const proxy = yield* tcpProxy(Number(url.port))
            const proxied = Object.assign(new URL(url), { port: String(proxy.port) })
            yield* Effect.gen(function* () {
              yield* attempt(asked)
              const lost = yield* Effect.flip(vanishing(proxy.strand))
              assert.isTrue(isPassing(lost), "an outage, which is waited out")
              assert.strictEqual(told(lost), "PostgreSQL: no end within 500ms, the connection is given up")
              yield* attempt(asked)
            }).pipe(Effect.provide(clientOf(proxied.href)))
          })
        yield* Effect.all(
          [
            lostAt((vanish) => Effect.andThen(vanish, attempt(asked))),
            lostAt((vanish) => attempt(Effect.andThen(vanish, asked))),
            lostAt((vanish) => attempt(Effect.andThen(asked, vanish))),
            lostAt((vanish) => attempt(Effect.andThen(vanish, Effect.sleep("20 seconds"))))
          ],
          { concurrency: "unbounded" }
        )
      }).pipe(Effect.provide(RealServers.layer)),
    30_000
  )

  it.live(
    "whenever a transaction is given up, its connection goes back without one open",
    () =>
      Effect.gen(function* () {
        const url = yield* (yield* RealServers).database
        const watcher = yield* Layer.build(clientOf(url))
        const openTransactions = Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql`select query from pg_stat_activity
            where datname = current_database() and state like 'idle in transaction%'`
        )
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`create table given_up (n integer)`
          const write = transaction(Effect.asVoid(sql`insert into given_up values (1)`))
          for (let round = 0; round < 400; round++) {
            const fiber = yield* Effect.forkChild(write, { startImmediately: true })
            // Each a little later: before BEGIN is answered, before the statement, before COMMIT.
            for (let turn = 0; turn < round % 16; turn++) {
              yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            }
            yield* Fiber.interrupt(fiber)
            assert.deepStrictEqual(yield* Effect.provideContext(openTransactions, watcher), [], `round ${round}`)
          }
        }).pipe(Effect.provide(clientOf(url)))
      }).pipe(Effect.scoped, Effect.provide(RealServers.layer)),
    30_000
  )

  it.live("a transaction that goes on after a statement has failed is not taken for committed", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      const failed = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select 1 / 0`)
      const lost = yield* Effect.flip(transaction(Effect.ignore(failed))).pipe(Effect.provide(clientOf(url)))
      assert.match(lost.message, /rolled back/)
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("a process that falls silent within a transaction loses its session, and its locks, after 30 seconds", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`select current_setting('idle_in_transaction_session_timeout') as timeout`, [
          { timeout: "30s" }
        ])
        const lost = yield* sql`set local idle_in_transaction_session_timeout = '50ms'`.pipe(
          Effect.andThen(Effect.sleep("500 millis")),
          Effect.andThen(select),
          transaction,
          Effect.flip
        )
        assert.isTrue(lost._tag === "SqlError" && refusalOf(lost) === undefined, "an outage, which is waited out")
        assert.deepStrictEqual(yield* select, [{ one: 1 }])
      }).pipe(Effect.provide(clientOf(url)))
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("sessions that may not write are left by the one that is refused, and each says what it is", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      yield* set(url, "set default_transaction_read_only = on")
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const write = transaction(Effect.flatMap(SqlClient.SqlClient, (own) => own`create table written ()`))
        // As many as there may be, all of them opened before the setting is taken back.
        const met = yield* Latch.make()
        let waiting = 0
        const meet = Effect.suspend(() => (++waiting === maxConnections ? met.open : met.await))
        yield* Effect.all(
          Array.from({ length: maxConnections }, () => transaction(Effect.andThen(select, meet))),
          { concurrency: "unbounded" }
        )
        yield* set(url, "reset default_transaction_read_only")
        for (let session = 0; session < maxConnections; session++) {
          assert.strictEqual(
            told(yield* Effect.flip(write)),
            "PostgreSQL: cannot execute CREATE TABLE in a read-only transaction (SQLSTATE 25006): it is a standby, or " +
              "`default_transaction_read_only` is on"
          )
        }
        yield* write
        assert.deepStrictEqual(yield* sql`select * from written`, [])
      }).pipe(Effect.provide(clientOf(url)))
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("settings that sessions were given by mistake are gone two minutes after they were taken back", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      let aheadMillis = 0
      yield* set(url, "set lock_timeout = '1h'")
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`show lock_timeout`, [{ lock_timeout: "1h" }])
        yield* set(url, "reset lock_timeout")
        assert.deepStrictEqual(yield* sql`show lock_timeout`, [{ lock_timeout: "1h" }])
        aheadMillis = 120_000
        assert.deepStrictEqual(yield* sql`show lock_timeout`, [{ lock_timeout: "0" }])
      }).pipe(
        Effect.provide(clientOf(url)),
        atTimes(() => Date.now() + aheadMillis)
      )
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("sslmode says whether a server without TLS will do", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      for (const mode of ["disable", "allow", "prefer"]) {
        assert.deepStrictEqual(yield* Effect.provide(select, clientOf(withQuery(url, `sslmode=${mode}`))), [{ one: 1 }])
      }
      for (const mode of ["require", "verify-ca", "verify-full"]) {
        const error = yield* Effect.flip(Effect.provide(select, clientOf(withQuery(url, `sslmode=${mode}`))))
        assert.match(error.message, /ssl|tls/i, mode)
      }
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("bytes come back whatever text the database makes of them", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)
      const read = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        return yield* sql`select current_setting('bytea_output') as output, ${all}::bytea as bytes,
          array[${all}::bytea] as several`
      })
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [database] = yield* sql<{ name: string }>`select quote_ident(current_database()) as name`
        yield* sql.unsafe(`alter database ${database?.name} set bytea_output = escape`)
      }).pipe(Effect.provide(clientOf(url)))
      assert.deepStrictEqual(yield* Effect.provide(read, clientOf(url)), [
        { output: "escape", bytes: all, several: [all] }
      ])
    }).pipe(Effect.provide(RealServers.layer))
  )

  it.live("sessions speak UTC and ISO, and say whose they are", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      const rows = yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        return yield* sql`select current_setting('timezone') as zone, current_setting('datestyle') as style,
          current_setting('application_name') as name`
      }).pipe(Effect.provide(clientOf(url)))
      assert.deepStrictEqual(rows, [{ zone: "UTC", style: "ISO, YMD", name: "metka tests" }])
    }).pipe(Effect.provide(RealServers.layer))
  )
})
