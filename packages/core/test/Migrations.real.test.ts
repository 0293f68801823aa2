import { assert, describe, it } from "@effect/vitest"
import { clientOf } from "@metka/testing/databaseLayers"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { migrate } from "../src/Migrations.ts"
import { opsMigrations } from "../src/OpsSchema.ts"

const other = {
  schema: "other",
  migrations: { "0001_t": "create table other.t (n int);\ninsert into other.t values (1);" }
}

describe.skipIf(isMissing("postgres"))("Migrations on a real server", () => {
  it.live("four processes at once all succeed, and each migration runs once", () =>
    Effect.gen(function* () {
      const url = yield* (yield* RealServers).database
      const schemas = [opsMigrations, other]
      const ran = yield* Effect.forEach(
        [1, 2, 3, 4],
        // Each with a client of its own, as processes have.
        () => Effect.provide(migrate(schemas), clientOf(url)),
        { concurrency: "unbounded" }
      )
      const names = schemas.flatMap(({ migrations, schema }) =>
        Object.keys(migrations).map((name) => `${schema}/${name}`)
      )
      assert.deepStrictEqual(ran.flat(), names)
      const rows = yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        return yield* sql`select n from other.t`
      }).pipe(Effect.provide(clientOf(url)))
      assert.strictEqual(rows.length, 1)
      assert.deepStrictEqual(yield* Effect.provide(migrate(schemas), clientOf(url)), [])
    }).pipe(Effect.provide(RealServers.layer))
  )
})
