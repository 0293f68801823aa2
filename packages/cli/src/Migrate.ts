/** Brings the database to what Metka expects: its schemas, its sequences, its time zone, the rights of its roles. */
import { businessTimeZone } from "@metka/core/BusinessTimeZone"
import { migrate } from "@metka/core/Migrations"
import { transaction } from "@metka/core/transaction"
import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { allMigrations } from "./AllMigrations.ts"
import { grantRoles } from "./GrantRoles.ts"
import { catchUpSequences } from "./Sequences.ts"

/**
 * A view cannot read an environment: it reads this row. A zone that PostgreSQL does not know is refused here. Returns
 * what to tell of a change once it is committed.
 */
const setTimeZone = Effect.fnUntraced(function* (zone: string) {
  const sql = yield* SqlClient.SqlClient
  // A refresh under way is of the zone before, and would say that what it counted is new.
  yield* sql`select pg_advisory_xact_lock(7370120) from bi.settings where time_zone <> ${zone}::text`
  const changed = yield* sql<{ before: string; counted: boolean }>`
    update bi.settings set time_zone = ${zone}::text, refreshed_at = null, months_refreshed_at = null
    from bi.settings held
    where now() at time zone ${zone}::text is not null and held.time_zone <> ${zone}::text
    returning held.time_zone as before, held.refreshed_at is not null as counted`
  // Of a new database nothing has been counted yet.
  return changed
    .filter(({ counted }) => counted)
    .map(
      ({ before }) =>
        `the business time zone was ${before} and is ${zone} now: the CDM service counts the views of BI anew, within 15 s if it runs`
    )
})

/** The server is too old, or the user has not the right to make schemas, which PostgreSQL asks even of who finds them all made. */
export class MayNotMigrate extends Schema.TaggedError<MayNotMigrate>()("MayNotMigrate", { message: Schema.String }) {}

/** Whose `bit_xor` tells what a refresh of BI has to count anew. */
const oldestVersion = 14

interface Server {
  readonly version: string
  readonly database: string
  readonly role: string
  /** Make schemas. */
  readonly may: boolean
}

export const problemOf = ({ database, may, role, version }: Server): string | undefined => {
  if (Number.parseInt(version, 10) < oldestVersion) {
    return `this is PostgreSQL ${version}: Metka needs ${oldestVersion} or newer`
  }
  return may
    ? undefined
    : `${role} may not make schemas in ${database}: migrate as its owner, or let that one run: grant create on database ${database} to ${role}`
}

const mayMigrate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<Server>`
    select quote_ident(current_user) as role, quote_ident(current_database()) as database,
      has_database_privilege(current_database(), 'create') as may, current_setting('server_version') as version`
  const problem = found === undefined ? undefined : problemOf(found)
  if (problem !== undefined) return yield* new MayNotMigrate({ message: problem })
})

/** One transaction, so that no service ever meets a new table without its rights. Returns the migrations that ran. */
export const migrateDatabase = Effect.gen(function* () {
  const zone = yield* businessTimeZone
  const { changes, ran } = yield* transaction(
    Effect.gen(function* () {
      yield* mayMigrate
      const ran = yield* migrate(allMigrations)
      yield* catchUpSequences(allMigrations.map(({ schema }) => schema))
      const changes = Option.isSome(zone) ? yield* setTimeZone(zone.value) : []
      yield* grantRoles
      return { changes, ran }
    })
  )
  yield* Effect.forEach(changes, (change) => Effect.logInfo(change), { discard: true })
  return ran
})
