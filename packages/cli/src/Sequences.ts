/** The sequences behind `generated always as identity`, which a restore of tables alone leaves where they were. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

interface IdentityColumn {
  /** Both quoted where they must be. */
  readonly table: string
  readonly column: string
  /** As `regclass` reads it. */
  readonly sequence: string
}

/** Moves a sequence that is behind what its column holds. One that is not stays as it is: services may draw from it. */
export const catchUpSequences = Effect.fnUntraced(function* (schemas: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const columns = yield* sql<IdentityColumn>`
    select held.oid::regclass::text as table, quote_ident(attname) as column,
      pg_get_serial_sequence(held.oid::regclass::text, attname) as sequence
    from pg_attribute join pg_class held on held.oid = attrelid
    where attidentity <> '' and relkind = 'r' and relnamespace = any(${schemas}::text[]::regnamespace[])`
  yield* Effect.forEach(
    columns,
    ({ column, sequence, table }) =>
      sql`select setval(${sequence}::regclass, max(${sql.literal(column)})) from ${sql.literal(table)}
        having max(${sql.literal(column)}) > coalesce(pg_sequence_last_value(${sequence}::regclass), 0)`,
    { discard: true }
  )
})
