/**
 * Brings every schema to the newest form. Each service has its own schema and its own table of migrations, since
 * Effect's Migrator skips ids at or below the newest one in its table. All of it happens in one transaction under one
 * advisory lock: concurrent `create … if not exists` would raise 23505.
 */
import { Effect } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { migrationsLock } from "./advisoryLocks.ts"
import { withoutAdvice } from "./Outage.ts"

/** The migrations of one schema: id and name → statements. */
export interface SchemaMigrations {
  readonly schema: string
  readonly migrations: Readonly<Record<string, string>>
}

/** Whoever changes schemas or rights has them alone until the transaction ends. */
export const lockSchemas = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`select pg_advisory_xact_lock(${migrationsLock}::bigint)`
})

const migrator = Migrator.make({})

/** Up to a semicolon that ends a line, or to the end; the body of a function, between $$ and $$, is not looked into. */
const statement = /(?:\$\$[\s\S]*?\$\$|[^;$]|\$(?!\$)|;(?![ \t]*$))+/gm

/** PostgreSQL prepares one statement at a time. */
const statements = (script: string): ReadonlyArray<string> =>
  (script.match(statement) ?? []).map((text) => text.trim()).filter((text) => text !== "")

/** The Migrator says which one failed, and leaves out why. A connection that is lost is an outage like any other. */
const failedMigration = (error: Migrator.MigrationError): Effect.Effect<never, Migrator.MigrationError | SqlError> => {
  const { cause, kind, message } = error
  if (!isSqlError(cause)) return Effect.fail(error)
  if (cause.reason._tag === "ConnectionError") return Effect.fail(cause)
  return Effect.fail(new Migrator.MigrationError({ cause, kind, message: `${message}: ${withoutAdvice(cause)}` }))
}

/**
 * Runs what is missing, in the order given; safe to call from several processes at once.
 * @returns the names of the migrations that ran
 */
export const migrate = (
  all: ReadonlyArray<SchemaMigrations>
): Effect.Effect<ReadonlyArray<string>, SqlError | Migrator.MigrationError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* lockSchemas
        const done: Array<string> = []
        for (const { migrations, schema } of all) {
          yield* sql`create schema if not exists ${sql(schema)}`
          const ran = yield* migrator({
            table: `${schema}.migrations`,
            loader: Migrator.fromRecord(
              Object.fromEntries(
                Object.entries(migrations).map(([name, script]) => [
                  name,
                  Effect.forEach(statements(script), (statement) => sql.unsafe(statement), { discard: true })
                ])
              )
            )
          }).pipe(Effect.catchTag("MigrationError", failedMigration))
          done.push(...ran.map(([id, name]) => `${schema}/${String(id).padStart(4, "0")}_${name}`))
        }
        return done
      })
    )
  })
