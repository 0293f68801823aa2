import { assert, layer } from "@effect/vitest"
import { becomeAnother } from "@metka/testing/becomeAnother"
import { embedded, emptied } from "@metka/testing/databaseLayers"
import { opsMigrations } from "@metka/core/OpsSchema"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { cdmMigrations } from "../src/CdmSchema.ts"

/** Gives so many tags, and says which ids they got. */
const give = Effect.fnUntraced(function* (count: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ event_id: string }>`
    insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent)
    select gen_random_uuid(), 'tag', gen_random_uuid(), 'given', 1, 1, now(), '' from generate_series(1, ${count}::int)
    returning event_id::text as event_id`
  return rows.map((row) => Number(row.event_id))
})

layer(embedded(opsMigrations, cdmMigrations), { excludeTestServices: true })("The event ids of tags", (it) => {
  it.effect("go on by one, and in a database that has gone back above all that were given after it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* emptied
      yield* becomeAnother("first")
      yield* give(1)
      const [, last = 0] = yield* give(2)
      yield* give(3)
      const goesBack = Effect.fnUntraced(function* (timeline: string) {
        yield* sql`delete from cdm.user_tag_history where event_id > ${last}::bigint`
        yield* sql`delete from cdm.numbering_databases where database <> 'first'`
        yield* sql`select setval(pg_get_serial_sequence('cdm.user_tag_history', 'event_id'), ${last}::bigint)`
        yield* becomeAnother(timeline)
      })
      yield* goesBack("second")
      const [third = 0, fourth = 0] = yield* give(2)
      assert.isAbove(third, last + 3)
      assert.strictEqual(fourth, third + 1)
      assert.deepStrictEqual(yield* give(1), [fourth + 1])
      // To where it had gone back before, as when a dump is restored again.
      yield* goesBack("third")
      assert.isAbove((yield* give(1))[0] ?? 0, fourth + 1)
    })
  )

  it.effect("begin with 1 in a database of its own, and are no others where no database was restored", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* emptied
      yield* sql`insert into cdm.numbering_databases select ops.database_identity()`
      assert.deepStrictEqual(yield* give(2), [1, 2])
    })
  )
})
