import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as EmbeddedCheckpoints from "../src/EmbeddedCheckpoints.ts"
import * as EmbeddedDatabase from "../src/EmbeddedDatabase.ts"
import * as PgliteHere from "../src/PgliteHere.ts"
import * as PgliteInThread from "../src/PgliteInThread.ts"
import { sqlStateOf } from "../src/Outage.ts"
import { inSnapshot } from "../src/transaction.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "metka-embedded-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const places = [
  ["in this thread", PgliteHere.open],
  ["in a thread of its own", PgliteInThread.open]
] as const

for (const [place, open] of places)
  layer(EmbeddedDatabase.layer(open), { excludeTestServices: true, timeout: "1 minute" })(
    `The embedded database ${place}`,
    (it) => {
      it.effect("rolls back a transaction that fails, and goes on", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`create table rolled (n int primary key)`
          const failed = sql`insert into rolled values (1)`.pipe(
            Effect.andThen(sql`insert into rolled values (1)`),
            sql.withTransaction
          )
          assert.strictEqual(sqlStateOf(yield* Effect.flip(failed)), "23505")
          assert.deepStrictEqual(yield* sql`select n from rolled`, [])
          yield* sql.withTransaction(sql`insert into rolled values (2)`)
          assert.deepStrictEqual(yield* sql`select n from rolled`, [{ n: 2 }])
        })
      )

      it.effect("its write-ahead log does not grow for as long as it runs", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const megabytesOfLog = sql<{ size: number }>`
            select (sum(size) / 1024 / 1024)::float8 as size from pg_ls_waldir()`.pipe(
            Effect.map((rows) => rows[0]?.size ?? 0)
          )
          yield* sql`create table logged (filling text)`
          for (let written = 0; written < 192; written += 32) {
            yield* sql`insert into logged select repeat(md5(n::text), 30) from generate_series(1, ${32_000}::int) as n`
            yield* EmbeddedCheckpoints.checkpointIfDue
          }
          assert.isAtMost(yield* megabytesOfLog, 96)
        })
      )

      it.effect("rolls back to a savepoint: the inner transaction alone", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`create table nested (n int)`
          const inner = sql`insert into nested values (2)`.pipe(Effect.andThen(sql`select 1 / 0`), sql.withTransaction)
          yield* sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`insert into nested values (1)`
              yield* Effect.flip(inner)
              yield* sql`insert into nested values (3)`
            })
          )
          assert.deepStrictEqual(yield* sql`select n from nested order by n`, [{ n: 1 }, { n: 3 }])
        })
      )

      it.effect("an interrupted transaction leaves nothing, and the connection usable", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`create table interrupted (n int)`
          yield* sql`insert into interrupted values (1)`.pipe(
            Effect.andThen(Effect.interrupt),
            sql.withTransaction,
            Effect.exit
          )
          assert.deepStrictEqual(yield* sql`select n from interrupted`, [])
        })
      )

      it.effect("fibers that want it at once take turns", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`create table turns (n int)`
          const bump = Effect.gen(function* () {
            const [row] = yield* sql<{ n: number }>`select count(*)::int as n from turns`
            yield* sql`insert into turns values (${row?.n ?? -1})`
          }).pipe(sql.withTransaction)
          yield* Effect.all(
            Array.from({ length: 20 }, () => bump),
            { concurrency: "unbounded" }
          )
          const rows = yield* sql<{ n: number }>`select n from turns order by n`
          assert.deepStrictEqual(
            rows.map(({ n }) => n),
            [...Array(20).keys()]
          )
        })
      )

      it.effect(
        "any text comes back from an array as it went: quotes, backslashes, braces, emoji, NULL",
        () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const context = yield* Effect.context<SqlClient.SqlClient>()
            const roundTrip = Effect.fnUntraced(function* (texts: ReadonlyArray<string>) {
              const rows = yield* sql<{ text: string; array: ReadonlyArray<string> }>`
          select text, ${texts}::text[] as array from unnest(${texts}::text[]) with ordinality as row (text, place)
          order by place`
              assert.deepStrictEqual(
                rows.map((row) => row.text),
                texts
              )
              for (const row of rows) assert.deepStrictEqual(row.array, texts)
            })
            yield* roundTrip([
              '"',
              "\\",
              "{}",
              ",",
              "NULL",
              "null",
              "",
              " ",
              "😀 Жёлудь",
              "'",
              '\\"{,}\n\t\r',
              "\u0001"
            ])
            const storable = fc
              .string({ unit: "binary", maxLength: 12 })
              .filter((text) => text.isWellFormed() && !text.includes("\u0000"))
            const property = fc.asyncProperty(fc.array(storable, { maxLength: 6 }), (texts) =>
              Effect.runPromiseWith(context)(roundTrip(texts))
            )
            yield* Effect.promise(() => fc.assert(property, { numRuns: 50 }))
          }),
        30_000
      )

      it.effect("bytes come back as they went", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
          const [row] = yield* sql<{ bytes: Uint8Array }>`select ${bytes}::bytea as bytes`
          assert.deepStrictEqual([...(row?.bytes ?? [])], [...bytes])
        })
      )

      it.effect("a message of some megabytes passes, in and out", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const text = "Жёлудь ".repeat(300_000)
          const [row] = yield* sql<{ text: string }>`select ${text}::text as text`
          assert.isTrue(row?.text === text)
        })
      )

      it.effect("times are UTC", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          assert.deepStrictEqual(yield* sql`select current_setting('timezone') as zone`, [{ zone: "UTC" }])
        })
      )
    }
  )

describe("The embedded database on disk", () => {
  it.live(
    "is there after it was closed and opened again, with all that was committed",
    () =>
      Effect.gen(function* () {
        const directory = join(yield* folder, "not", "there", "yet")
        const open = <A, E>(effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
          Effect.provide(effect, Layer.fresh(EmbeddedDatabase.layer(PgliteInThread.open, { directory })))
        yield* open(
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            yield* sql`create table kept (n int)`
            yield* sql.withTransaction(sql`insert into kept select generate_series(1, 1000)`)
          })
        )
        const rows = yield* open(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select count(*)::int as n from kept`))
        assert.deepStrictEqual(rows, [{ n: 1000 }])
      }),
    60_000
  )

  it.live("that cannot be opened is named", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "file")
      yield* Effect.promise(() => writeFile(file, ""))
      for (const directory of [join(file, "data"), file]) {
        const error = yield* Effect.flip(
          Effect.scoped(Layer.build(EmbeddedDatabase.layer(PgliteInThread.open, { directory })))
        )
        assert.include(error.message, directory)
      }
    })
  )
})

layer(EmbeddedDatabase.layer(PgliteInThread.open), { excludeTestServices: true, timeout: "1 minute" })(
  "A transaction that is given up while a statement runs",
  (it) => {
    it.effect("is rolled back, also when the client does not wait for the statement's end", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`create table kept (n int)`
        // So often that the client makes prepared statements of them.
        const insert = sql`insert into kept values (${1}::int)`
        yield* Effect.repeat(insert, { times: 9 })
        yield* inSnapshot(sql`select pg_sleep(7)`).pipe(Effect.timeoutOption("100 millis"))
        yield* Effect.repeat(insert, { times: 9 })
        assert.deepStrictEqual(yield* sql`select count(*)::int as n from kept`, [{ n: 20 }])
      })
    )
  }
)
