/** Whether a row was written at all, even with what it had before. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Where rows lie and which transaction wrote them: the same before and after means that no row was written. */
export const writtenRows = Effect.fnUntraced(function* (...tables: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  return yield* Effect.forEach(tables, (table) =>
    sql.unsafe<{ place: string }>(
      `select '${table} ' || ctid::text || ' ' || xmin::text as place from ${table} order by ctid`
    )
  ).pipe(Effect.map((rows) => rows.flat().map(({ place }) => place)))
})
