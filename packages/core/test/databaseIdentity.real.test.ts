import { assert, describe, it } from "@effect/vitest"
import { clientOf } from "@metka/testing/databaseLayers"
import { isMissing } from "@metka/testing/realServers"
import { ownPostgresServer } from "@metka/testing/servers"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { migrate } from "../src/Migrations.ts"
import { opsMigrations } from "../src/OpsSchema.ts"

const identity = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ identity: string }>`select ops.database_identity() as identity`
  return rows[0]?.identity ?? assert.fail("no identity")
})

describe.skipIf(isMissing("postgres"))("The identity of a database", () => {
  it.live(
    "is kept by a restart and a crash, the same for every role, and another one after a promotion or a restore",
    () =>
      Effect.gen(function* () {
        const server = yield* ownPostgresServer
        const client = <A, E>(effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
          Effect.provide(effect, clientOf(server.url))
        yield* client(migrate([opsMigrations]))
        const first = yield* client(identity)

        yield* server.stop
        yield* server.start
        yield* server.kill
        yield* server.start
        assert.strictEqual(yield* client(identity), first)
        const asRole = Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`create role nobody`
          yield* sql`grant usage on schema ops to nobody`
          return yield* sql.withTransaction(Effect.andThen(sql`set local role nobody`, identity))
        })
        assert.strictEqual(yield* client(asRole), first)

        const folder = yield* client(
          Effect.flatMap(SqlClient.SqlClient, (sql) => sql<{ data_directory: string }>`show data_directory`)
        )
        yield* server.stop
        yield* Effect.promise(() => writeFile(join(folder[0]?.data_directory ?? "", "standby.signal"), ""))
        yield* server.start
        yield* client(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select pg_promote()`))
        const promoted = yield* client(identity)
        assert.notStrictEqual(promoted, first)

        const restored = Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`drop schema ops cascade`
          yield* migrate([opsMigrations])
          return yield* identity
        })
        assert.notStrictEqual(yield* client(restored), promoted)
      }).pipe(Effect.scoped),
    60_000
  )
})
