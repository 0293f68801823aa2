/** A connection to a database of the benchmark, and another: whoever listens keeps one. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

export const onDatabase = <A, E, R>(
  url: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, Exclude<R, SqlClient.SqlClient | PgClient.PgClient>> =>
  effect.pipe(
    Effect.provide(
      PgClient.layer({
        url: Redacted.make(url),
        maxConnections: 2,
        startupParameters: { timezone: "UTC", datestyle: "ISO, YMD" }
      })
    )
  )

const single = Effect.fnUntraced(function* (query: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<{ readonly value: string }>(query)
  return rows[0]?.value ?? ""
})

/** What PostgreSQL has written ahead since it was made, in bytes. */
export const writtenAhead = Effect.map(single("select (pg_current_wal_lsn() - '0/0')::text as value"), Number)

/** What the database takes on disk, in bytes. */
export const databaseSize = Effect.map(single("select pg_database_size(current_database())::text as value"), Number)

/** As in `15.18`. */
export const serverVersion = Effect.map(
  single("select current_setting('server_version') as value"),
  (version) => version.split(" ")[0] ?? version
)

/** Nothing of what was written before is left to be written in what is measured next. */
export const checkpoint = Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe("checkpoint"))
