/** Rows as PostgreSQL has them on its pages, so that a row that was written again shows, even with the same values. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** What a redelivery must not touch: `stg.order_events` and all of `dds` and `cdm`. */
const makeQuery = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql<{ readonly name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('dds', 'cdm') or (schemaname = 'stg' and tablename = 'order_events') order by 1`
  return tables
    .map(
      ({ name }) =>
        `select '${name} ' || held.ctid::text || ' xmin ' || held.xmin::text || ' ' || held::text as row from ${name} held`
    )
    .join(" union all ")
})

export const makeDumpTables = Effect.map(makeQuery, (query) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql.unsafe<{ readonly row: string }>(query)
    return new Set(rows.map(({ row }) => row))
  })
)

/** What of `before` is not in `after`, and the other way round. */
export const changedRows = (before: ReadonlySet<string>, after: ReadonlySet<string>): ReadonlyArray<string> => [
  ...[...before.difference(after)].map((row) => `delivered again: gone ${row}`),
  ...[...after.difference(before)].map((row) => `delivered again: new ${row}`)
]
