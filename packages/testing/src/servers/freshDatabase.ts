/** An empty database for one test. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import type { Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"

/**
 * Creates a database with a name of its own on the server of `url`, gives its URL, and drops it with the scope, open
 * connections or not. The user of `url` must be allowed to create databases.
 */
export const freshDatabase = (url: string): Effect.Effect<string, SqlError.SqlError, Scope.Scope> => {
  const name = `metka_test_${randomUUID().replaceAll("-", "")}`
  const onServer = (statement: string) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
    )
  const fresh = new URL(url)
  fresh.pathname = `/${name}`
  return Effect.acquireRelease(
    onServer(`create database ${name}`),
    // The server may be down by then, killed by the very test: nothing to drop, and no reason to fail it.
    () => Effect.ignore(onServer(`drop database if exists ${name} with (force)`))
  ).pipe(Effect.as(fresh.href))
}
