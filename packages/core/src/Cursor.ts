/** Reads what a query finds page by page, so that memory does not grow with the tables. Needs a transaction. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"

export const usualPage = 2_000

/** One cursor at a time: `use` may run other statements, but no other cursor. */
export const forEachPage = Effect.fnUntraced(function* <Row extends object, E, R>(
  query: string | Fragment,
  use: (rows: ReadonlyArray<Row>) => Effect.Effect<void, E, R>,
  pageSize = usualPage
) {
  const sql = yield* SqlClient.SqlClient
  // The planner would otherwise choose the plan whose first rows come soonest; all of them are wanted here. Whole tables
  // are joined: a hash is never far from the best plan, a nested loop over a wrong estimate may not end. Compiling such
  // queries takes longer than running them.
  yield* sql`select set_config('cursor_tuple_fraction', '1', true), set_config('enable_nestloop', 'off', true),
    set_config('jit', 'off', true)`
  yield* sql`declare pages no scroll cursor for ${typeof query === "string" ? sql.literal(query) : query}`.unprepared
  yield* sql`set local enable_nestloop = on`
  let isLast = false
  while (!isLast) {
    // Unprepared: the columns of the cursor are others each time.
    const rows = yield* sql.unsafe<Row>(`fetch ${pageSize} from pages`).unprepared
    isLast = rows.length < pageSize
    if (rows.length > 0) yield* use(rows)
  }
  yield* sql`close pages`.unprepared
})
