import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import { numberedKeys } from "@metka/core/Outage"
import * as PgliteHere from "@metka/core/PgliteHere"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { migrateDatabase } from "../src/Migrate.ts"

const draw = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ id: bigint }>`
    insert into ops.dead_letters (service, topic, partition, "offset", kafka_timestamp, headers, reason, detail, received_at)
    values ('stg', 'x', 0, (select count(*) from ops.dead_letters), now(), '{}', 'schema', '', now()) returning id`
  return Number(row?.id)
})

layer(EmbeddedDatabase.layer(PgliteHere.open), { timeout: "1 minute" })("migrate", (it) => {
  it.effect("knows every primary key that a sequence numbers, for services to wait where it is behind", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* migrateDatabase
      const keys = yield* sql<{ name: string }>`
        select conname as name from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any(conkey)
        where contype = 'p' and attidentity <> ''`
      assert.sameMembers(
        keys.map(({ name }) => name),
        [...numberedKeys]
      )
    })
  )

  it.effect("moves on a sequence that a restore left behind its table, and leaves one that is ahead of it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* migrateDatabase
      assert.deepStrictEqual([yield* draw, yield* draw, yield* draw], [1, 2, 3])
      yield* sql`select setval(pg_get_serial_sequence('ops.dead_letters', 'id'), 1)`
      assert.strictEqual((yield* Effect.flip(draw)).reason._tag, "UniqueViolation")
      yield* migrateDatabase
      assert.strictEqual(yield* draw, 4)
      yield* sql`select setval(pg_get_serial_sequence('ops.dead_letters', 'id'), 1000)`
      yield* migrateDatabase
      assert.strictEqual(yield* draw, 1001)
    })
  )
})
