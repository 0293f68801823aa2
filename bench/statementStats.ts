/** Which statements PostgreSQL spent its time on, for `--profile`. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

interface StatementRow {
  readonly calls: string
  readonly total_ms: string
  readonly mean_ms: string
  readonly rows: string
  readonly wal_mb: string
  readonly query: string
}

/** Needs a restart of the server before the extension counts. */
export const requireStatementStats = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe("alter system set shared_preload_libraries = 'pg_stat_statements'")
})

export const createStatementStats = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe("create extension pg_stat_statements schema public")
})

/** The dearest statements of the database so far, as text: total ms, calls, ms a call, rows, WAL, statement. */
export const statementStats = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<StatementRow>(`
    select calls::text, round(total_exec_time)::text as total_ms, round(mean_exec_time::numeric, 1)::text as mean_ms,
      rows::text, round(wal_bytes / 1048576, 1)::text as wal_mb, query
    from public.pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
    order by total_exec_time desc limit 40`)
  return rows
    .map(
      ({ calls, mean_ms, query, rows, total_ms, wal_mb }) =>
        `${total_ms} ms · ${calls} calls · ${mean_ms} ms each · ${rows} rows · ${wal_mb} MiB WAL\n  ${query.trim().slice(0, 400)}\n`
    )
    .join("\n")
})
