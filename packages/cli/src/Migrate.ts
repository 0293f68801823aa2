/** Brings the database to what this version of Metka expects: its schemas, its time zone, the rights of its roles. */
import { businessTimeZone } from "@metka/core/BusinessTimeZone"
import { migrate } from "@metka/core/Migrations"
import { transaction } from "@metka/core/transaction"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { allMigrations } from "./AllMigrations.ts"
import { grantRoles } from "./GrantRoles.ts"

/** A view cannot read an environment: it reads this row. A zone that PostgreSQL does not know is refused here. */
const setTimeZone = Effect.fnUntraced(function* (zone: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`update bi.settings set time_zone = ${zone}::text, refreshed_at = null
    where now() at time zone ${zone}::text is not null and time_zone <> ${zone}::text`
})

/** One transaction, so that no service ever meets a new table without its rights. Returns the migrations that ran. */
export const migrateDatabase = Effect.gen(function* () {
  const zone = yield* businessTimeZone
  return yield* transaction(
    Effect.gen(function* () {
      const ran = yield* migrate(allMigrations)
      yield* setTimeZone(zone)
      yield* grantRoles
      return ran
    })
  )
})
