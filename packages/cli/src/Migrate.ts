/** Brings the database to what this version of Metka expects: its schemas, and the rights of the roles that exist. */
import { migrate } from "@metka/core/Migrations"
import { transaction } from "@metka/core/transaction"
import { Effect } from "effect"
import { allMigrations } from "./AllMigrations.ts"
import { grantRoles } from "./GrantRoles.ts"

/** One transaction, so that no service ever meets a new table without its rights. Returns the migrations that ran. */
export const migrateDatabase = transaction(Effect.tap(migrate(allMigrations), () => grantRoles))
