/** A database with Metka's roles, on a PostgreSQL of its own: roles belong to a whole cluster. */
import { clientOf } from "@metka/testing/databaseLayers"
import { type Environment, metka } from "@metka/testing/processes"
import { ownPostgresServer } from "@metka/testing/servers"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { databaseRoles } from "../src/roles.ts"

/** The same database, as another user; the servers of tests ask for no password. */
export const as = (user: string, url: string): string => {
  const other = new URL(url)
  other.username = user
  return other.href
}

export const execute = (statement: string) => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement))

/** Every role may log in, as an administrator lets it. */
export const letIn = Effect.forEach(databaseRoles, ({ name }) => execute(`alter role ${name} login`), { discard: true })

/** A migrated database with the roles, made by the command line. */
const databaseWithRoles = Effect.gen(function* () {
  const server = yield* ownPostgresServer
  const env: Environment = { DATABASE_URL: server.url }
  yield* metka(env, "migrate")
  yield* metka(env, "roles")
  yield* Effect.provide(letIn, clientOf(server.url))
  return server.url
})

/** The URL of a database for tests that leave it as it is, since to make one takes seconds. */
export class RolesDatabase extends Context.Service<RolesDatabase, string>()("metka/test/RolesDatabase") {
  static readonly layer = Layer.effect(RolesDatabase, databaseWithRoles)
}
