/** `metka roles`: a PostgreSQL role for each service, for the console, the operator and BI. */
import * as Database from "@metka/core/Database"
import { lockSchemas } from "@metka/core/Migrations"
import { transaction } from "@metka/core/transaction"
import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { createRoles, grantRoles, mayCreateRoles, missingRoles } from "../GrantRoles.ts"
import {
  createStatements,
  databaseRoles,
  type DatabaseRole,
  grantStatements,
  withoutTemporaryTables
} from "../roles.ts"

class RolesMissing extends Schema.TaggedError<RolesMissing>()("RolesMissing", { message: Schema.String }) {}

const printSql = (statements: ReadonlyArray<string>) =>
  Effect.forEach(statements, (statement) => Console.log(`${statement};`), { discard: true })

/** As psql knows the database that it is connected to. */
const psqlDatabase = ':"DBNAME"'

const everything = [
  withoutTemporaryTables(psqlDatabase),
  ...databaseRoles.flatMap((role) => [...createStatements(role), ...grantStatements(role, psqlDatabase)])
]

const report = (roles: ReadonlyArray<DatabaseRole>) => {
  const width = Math.max(...roles.map(({ name }) => name.length))
  return Effect.forEach(roles, ({ name, purpose }) => Console.log(`${name.padEnd(width)}  ${purpose}`), {
    discard: true
  })
}

const makeRoles = Effect.gen(function* () {
  yield* lockSchemas
  const missing = yield* missingRoles
  if (missing.length > 0 && !(yield* mayCreateRoles)) {
    yield* printSql(missing.flatMap(createStatements))
    return yield* new RolesMissing({
      message:
        "the user of DATABASE_URL may not make roles. " +
        "Let an administrator run the statements above, or make users of these names in the cloud; then run this again."
    })
  }
  yield* createRoles(missing)
  yield* report(yield* grantRoles)
  yield* Console.log(
    "Each may log in once it has a password: alter role metka_stg login password '…'. " +
      "`npm run migrate` keeps their rights up to date."
  )
})

export const roles = Command.make(
  "roles",
  {
    sql: Flag.Boolean("sql").pipe(
      Flag.withDescription("Print the SQL for psql and do nothing"),
      Flag.withDefault(false)
    )
  },
  ({ sql }) => (sql ? printSql(everything) : Effect.provide(transaction(makeRoles), Database.layer("metka roles")))
).pipe(Command.withDescription("Make a PostgreSQL role for each service, and give each what it needs and nothing else"))
