/** A PostgreSQL that a test takes away and brings back: the embedded one behind a switch. */
import { makeCompiler } from "@effect/sql-pg/PgClient"
import { Effect } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"

const refused = new SqlError.SqlError({
  reason: new SqlError.ConnectionError({ cause: new Error("connect ECONNREFUSED"), operation: "connect" })
})

/** While it is away, what is open is rolled back, and nothing else is answered. */
export const postgresSwitch = Effect.gen(function* () {
  const real = yield* SqlClient.SqlClient
  let isAway = false
  const unlessAway = <A>(effect: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
    Effect.suspend(() => (isAway ? Effect.fail(refused) : effect))
  const behind = (connection: SqlConnection.Connection): SqlConnection.Connection => ({
    ...connection,
    execute: (sql, params, transform) => unlessAway(connection.execute(sql, params, transform)),
    executeRaw: (sql, params) => unlessAway(connection.executeRaw(sql, params)),
    executeValues: (sql, params) => unlessAway(connection.executeValues(sql, params)),
    executeValuesUnprepared: (sql, params) => unlessAway(connection.executeValuesUnprepared(sql, params)),
    // A server that goes away rolls back by itself.
    executeUnprepared: (sql, params, transform) =>
      sql === "ROLLBACK"
        ? connection.executeUnprepared(sql, params, transform)
        : unlessAway(connection.executeUnprepared(sql, params, transform))
  })
  const client = yield* SqlClient.make({
    acquirer: Effect.suspend(() => (isAway ? Effect.fail(refused) : Effect.map(real.reserve, behind))),
    compiler: makeCompiler(),
    driver: "pg",
    spanAttributes: []
  }).pipe(Effect.provide(Reactivity.layer))
  return {
    client,
    goAway: Effect.sync(() => {
      isAway = true
    }),
    comeBack: Effect.sync(() => {
      isAway = false
    })
  }
})
