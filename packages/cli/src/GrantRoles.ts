/** Gives the roles of `roles.ts` their rights, and makes those that are missing. */
import { lockSchemas } from "@metka/core/Migrations"
import { transaction } from "@metka/core/transaction"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { createStatements, databaseRoles, grantStatements, withoutTemporaryTables } from "./roles.ts"

const existing = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string }>`
    select rolname::text as name from pg_roles where rolname = any(${databaseRoles.map(({ name }) => name)}::text[])`
  return new Set(rows.map(({ name }) => name))
})

const runAll = Effect.fnUntraced(function* (statements: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})

const currentDatabase = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string }>`select quote_ident(current_database()) as name`
  return rows[0]?.name ?? ""
})

/**
 * Gives each role that exists exactly its rights. A cluster without the roles stays as it is: one user for everything.
 * Part of a transaction that has the schemas alone.
 */
export const grantRoles = Effect.gen(function* () {
  const names = yield* existing
  const roles = databaseRoles.filter(({ name }) => names.has(name))
  const database = yield* currentDatabase
  if (roles.length > 0) {
    yield* runAll([withoutTemporaryTables(database), ...roles.flatMap((role) => grantStatements(role, database))])
  }
  return roles
})

/** Whether the user of this connection may make roles; in managed PostgreSQL often only the cloud may. */
const mayCreateRoles = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ may: boolean }>`
    select rolsuper or rolcreaterole as may from pg_roles where rolname = current_user`
  return rows[0]?.may === true
})

/**
 * Makes the roles that are missing, where this user may, and gives all that there are then their rights. Returns these,
 * and those that somebody else must make.
 */
export const makeRoles = transaction(
  Effect.gen(function* () {
    yield* lockSchemas
    const names = yield* existing
    const missing = databaseRoles.filter(({ name }) => !names.has(name))
    const may = yield* mayCreateRoles
    if (may) yield* runAll(missing.flatMap(createStatements))
    return { granted: yield* grantRoles, missing: may ? [] : missing }
  })
)
