/** Tables as PostgreSQL has them on its pages, so that a row that was written again, even with the same values, shows. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Rows by table, each with its place (`ctid`), the transaction that wrote it (`xmin`) and its text. */
export type TableDump = ReadonlyMap<string, ReadonlyArray<string>>

/** Every table that a redelivery must not touch: `stg.order_events` and all of `dds` and `cdm`. */
export const dumpTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('dds', 'cdm') or (schemaname = 'stg' and tablename = 'order_events') order by 1`
  const dump = new Map(tables.map(({ name }): [string, Array<string>] => [name, []]))
  const rows = yield* sql.unsafe<{ name: string; row: string }>(
    tables
      .map(
        ({ name }) =>
          `select '${name}' as name, held.ctid::text || ' xmin ' || held.xmin::text || ' ' || held::text as row from ${name} held`
      )
      .join(" union all ")
  )
  for (const { name, row } of rows) dump.get(name)?.push(row)
  const result: TableDump = dump
  return result
})

/** What of `before` is not in `after`, and the other way round, as lines that name the table; at most 20. */
export const dumpChanges = (before: TableDump, after: TableDump): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const table of new Set([...before.keys(), ...after.keys()])) {
    const was = new Set(before.get(table))
    const is = new Set(after.get(table))
    for (const row of was.difference(is)) lines.push(`${table}: gone ${row.slice(0, 200)}`)
    for (const row of is.difference(was)) lines.push(`${table}: new ${row.slice(0, 200)}`)
  }
  return lines.length <= 20 ? lines : [...lines.slice(0, 20), `… and ${lines.length - 20} more`]
}

/** The marts by their contract's columns: what must be the same however the orders came. */
export const dumpMarts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const read = (columns: string, table: string) =>
    Effect.map(
      sql.unsafe<{ row: string }>(
        `select row(${columns})::text as row from ${table} order by row(${columns})::text collate "C"`
      ),
      (rows) => rows.map(({ row }) => row)
    )
  return {
    products: yield* read("user_id, product_id, product_name, order_cnt", "cdm.user_product_counters"),
    categories: yield* read("user_id, category_id, category_name, order_cnt", "cdm.user_category_counters"),
    tags: yield* read("user_id, tag, category_id, order_cnt, rule_version", "cdm.user_tags")
  }
})
