/** What a takeover or a restore changes of a database by itself: its identity. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export const becomeAnother = Effect.fnUntraced(function* (name: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(
    `create or replace function ops.database_identity() returns text language sql as 'select ''${name}'''`
  )
})
