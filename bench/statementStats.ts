/** Which statements PostgreSQL spends its time on. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Needs a restart of the server before the extension counts. */
export const requireStatementStats = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe("alter system set shared_preload_libraries = 'pg_stat_statements'")
})

/** Numbers as PostgreSQL writes them. */
export interface StatementCost {
  readonly calls: string
  readonly totalMillis: string
  readonly meanMillis: string
  readonly rows: string
  readonly walMib: string
  readonly query: string
}

/** The dearest statements of the database so far, the dearest first. */
export const statementCosts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe("create extension pg_stat_statements schema public")
  return yield* sql.unsafe<StatementCost>(`
    select calls::text, round(total_exec_time)::text as "totalMillis", round(mean_exec_time::numeric, 1)::text as "meanMillis",
      rows::text, round(wal_bytes / 1048576, 1)::text as "walMib", btrim(left(query, 400), E' \\n') as query
    from public.pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
      and query !~* '^\\s*(create|comment|checkpoint)'
    order by total_exec_time desc limit 40`)
})
