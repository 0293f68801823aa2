/** What a user may do in a database, found out by trying everything. */
import { sqlStateOf } from "@metka/core/Outage"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"

interface Column {
  readonly table: string
  readonly column: string
}

/** Tables, views and materialized views of these schemas, with their columns, as their owner sees them. */
export const columnsOf = Effect.fnUntraced(function* (schemas: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Column>`
    select format('%I.%I', nspname, relname) as table, quote_ident(attname) as column
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace join pg_attribute on attrelid = pg_class.oid
    where nspname = any(${schemas}::text[]) and relkind in ('r', 'v', 'm') and attnum > 0 and not attisdropped
    order by nspname, relname, attnum`
})

/** SQLSTATEs of what a user may not do, or nobody can: to write into a view is an operation on the wrong kind of object. */
const refusals = new Set(["42501", "42809", "55000", "0A000"])

class Done extends Schema.TaggedError<Done>()("Done", {}) {}

/**
 * Whether PostgreSQL does this for the user, or has another objection than the user's rights. Tried in a transaction that
 * may write, whatever the user's sessions are set to, and that is rolled back.
 */
export const isAllowed = Effect.fnUntraced(function* (statement: string) {
  const sql = yield* SqlClient.SqlClient
  const attempt = sql`set transaction read write`.pipe(
    Effect.andThen(sql.unsafe(statement)),
    Effect.andThen(Effect.fail(new Done())),
    sql.withTransaction
  )
  const ended = yield* Effect.flip(attempt)
  return ended._tag === "Done" || !refusals.has(sqlStateOf(ended) ?? "")
})

/** `select` where it may read every column, `select (a, b)` where it may read these, nothing where it may read none. */
const onColumns = Effect.fnUntraced(function* (
  verb: string,
  columns: ReadonlyArray<string>,
  statement: (column: string) => string
) {
  const allowed = yield* Effect.filter(columns, (column) => isAllowed(statement(column)))
  if (allowed.length === 0) return []
  return [allowed.length === columns.length ? verb : `${verb} (${allowed.join(", ")})`]
})

/** What this connection's user may do with each table: nothing at all with a table that is not there. */
export const rightsOn = Effect.fnUntraced(function* (columns: ReadonlyArray<Column>) {
  const rights = new Map<string, string>()
  for (const [table, ofTable] of Map.groupBy(columns, (row) => row.table)) {
    const names = ofTable.map(({ column }) => column)
    const whole = yield* Effect.filter(
      [
        ["delete", `delete from ${table} where false`],
        ["truncate", `truncate ${table}`],
        ["alter", `alter table ${table} add column attempt integer`],
        ["drop", `drop table if exists ${table}`]
      ] as const,
      ([, statement]) => isAllowed(statement)
    )
    const found = [
      ...(yield* onColumns("select", names, (column) => `select ${column} from ${table} where false`)),
      ...(yield* onColumns("insert", names, (column) => `insert into ${table} (${column}) values (default)`)),
      ...(yield* onColumns("update", names, (column) => `update ${table} set ${column} = default where false`)),
      ...whole.map(([verb]) => verb)
    ]
    if (found.length > 0) rights.set(table, found.join(", "))
  }
  return Object.fromEntries(rights)
})
