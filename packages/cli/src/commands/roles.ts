/** `metka roles`: a PostgreSQL role for each service, for the console, the operator and BI. */
import * as Database from "@metka/core/Database"
import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { makeRoles } from "../GrantRoles.ts"
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

const namesOf = (roles: ReadonlyArray<DatabaseRole>): string => roles.map(({ name }) => name).join(", ")

const makeAndReport = Effect.gen(function* () {
  const { granted, missing } = yield* makeRoles
  if (missing.length > 0) {
    yield* printSql(missing.flatMap(createStatements))
    return yield* new RolesMissing({
      message:
        `the user of DATABASE_URL may not make roles, and there is no ${namesOf(missing)}. ` +
        "Let an administrator run the statements above, or make users of these names in the cloud; then run this again." +
        (granted.length > 0 ? ` Given their rights: ${namesOf(granted)}.` : "")
    })
  }
  yield* report(granted)
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
  ({ sql }) => (sql ? printSql(everything) : Effect.provide(makeAndReport, Database.layer("metka roles")))
).pipe(Command.withDescription("Make a PostgreSQL role for each service, and give each what it needs and nothing else"))
