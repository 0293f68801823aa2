/**
 * What the database goes back to: a copy of all its tables and sequences, as a dump or a standby has them that lacks the
 * last transactions. Made once for a worker, like the database itself.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { tablesAndSequences } from "./database.ts"

export interface DatabaseCopy {
  readonly take: Effect.Effect<void>
  /** The database that has it is another one. */
  readonly restore: Effect.Effect<void>
  /** The database is the one that it was at first, and empty. */
  readonly forget: Effect.Effect<void>
}

const setIdentity = (name: string) => `perform set_config('simulation.database', '${name}', false)`

export const makeDatabaseCopy = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { sequences, tables: names } = yield* tablesAndSequences
  const tables = yield* sql<{ readonly name: string; readonly copy: string; readonly columns: string }>`
    select name, format('copied.%I', replace(name, '.', '_')) as copy,
      string_agg(quote_ident(attname), ', ' order by attnum) as columns
    from unnest(${names}::text[]) as name join pg_attribute on attrelid = name::regclass
    where attnum > 0 and not attisdropped and attgenerated = ''
    group by name order by name`
  const procedure = (name: string, lines: ReadonlyArray<string>) =>
    sql.unsafe(`create or replace procedure ops.${name}() language plpgsql as $$ begin\n${lines.join(";\n")};\nend $$`)

  yield* sql`create schema if not exists copied`
  for (const { columns, copy, name } of tables) {
    yield* sql.unsafe(`create table if not exists ${copy} as select ${columns} from ${name} with no data`)
  }
  yield* sql`create table if not exists copied.numbers (sequence text, last_value bigint, is_called boolean)`
  yield* procedure("take_copy", [
    ...tables.flatMap(({ columns, copy, name }) => [
      `delete from ${copy}`,
      `insert into ${copy} select ${columns} from ${name}`
    ]),
    "delete from copied.numbers",
    ...sequences.map((name) => `insert into copied.numbers select '${name}', last_value, is_called from ${name}`)
  ])
  yield* procedure("restore_copy", [
    // Nobody's triggers: the rows are there again, and nothing happens to them.
    "perform set_config('session_replication_role', 'replica', true)",
    ...tables.flatMap(({ columns, copy, name }) => [
      `delete from ${name}`,
      `insert into ${name} (${columns}) overriding system value select ${columns} from ${copy}`
    ]),
    "perform setval(sequence, last_value, is_called) from copied.numbers",
    setIdentity("another")
  ])
  yield* procedure("forget_copy", [setIdentity("first"), "insert into cdm.numbering_databases values ('first')"])
  yield* sql`
    create or replace function ops.database_identity() returns text language sql
    as 'select current_setting(''simulation.database'')'`

  const copy: DatabaseCopy = {
    take: Effect.orDie(sql`call ops.take_copy()`),
    restore: Effect.orDie(sql`call ops.restore_copy()`),
    forget: Effect.orDie(sql`call ops.forget_copy()`)
  }
  return copy
})
