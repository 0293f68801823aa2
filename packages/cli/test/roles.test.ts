import { assert, layer } from "@effect/vitest"
import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import * as PgliteHere from "@metka/core/PgliteHere"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { makeRoles } from "../src/GrantRoles.ts"
import { migrateDatabase } from "../src/Migrate.ts"
import { databaseRoles } from "../src/roles.ts"
import { execute } from "./rolesDatabase.ts"

const mayReadOrders = (role: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<{ may: boolean }>`
      select has_table_privilege(${role}::text, 'stg.order_events', 'select') as may`
    return row?.may
  })

layer(EmbeddedDatabase.layer(PgliteHere.open), { excludeTestServices: true, timeout: "1 minute" })(
  "Roles of PostgreSQL",
  (it) => {
    it.effect("who may not make roles gives those their rights that others made, and learns which are missing", () =>
      Effect.gen(function* () {
        yield* execute("create role owner nologin nocreaterole")
        yield* execute("alter database postgres owner to owner")
        yield* execute("create role metka_stg login")
        yield* execute("set role owner")
        yield* migrateDatabase
        yield* execute("revoke select on stg.order_events from metka_stg")

        const { granted, missing } = yield* makeRoles
        assert.deepStrictEqual(
          granted.map(({ name }) => name),
          ["metka_stg"]
        )
        assert.sameMembers(
          missing.map(({ name }) => name),
          databaseRoles.map(({ name }) => name).filter((name) => name !== "metka_stg")
        )
        assert.isTrue(yield* mayReadOrders("metka_stg"))
      })
    )

    it.effect("who may make roles makes the missing ones", () =>
      Effect.gen(function* () {
        yield* execute("reset role")
        const { granted, missing } = yield* makeRoles
        assert.lengthOf(granted, databaseRoles.length)
        assert.isEmpty(missing)
        assert.isTrue(yield* mayReadOrders("metka_operator"))
      })
    )
  }
)
