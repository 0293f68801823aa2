import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as EmbeddedDatabase from "../src/EmbeddedDatabase.ts"
import * as PgliteHere from "../src/PgliteHere.ts"
import { migrate, type SchemaMigrations } from "../src/Migrations.ts"
import { describe as describeError } from "../src/Outage.ts"

const schema = (name: string, migrations: SchemaMigrations["migrations"]): SchemaMigrations => ({
  schema: name,
  migrations
})

const tablesOf = Effect.fnUntraced(function* (name: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = ${name} order by table_name`
  return rows.map((row) => row.name)
})

layer(EmbeddedDatabase.layer(PgliteHere.open), { excludeTestServices: true, timeout: "1 minute" })(
  "Migrations",
  (it) => {
    it.effect("run once, in order, and not again; a new one runs alone", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const first = { "0001_table": "create table once.t (n int);\ninsert into once.t values (1);" }
        const second = { ...first, "0002_more": "insert into once.t\nselect n + 1 from once.t;\n" }
        assert.deepStrictEqual(yield* migrate([schema("once", first)]), ["once/0001_table"])
        assert.deepStrictEqual(yield* migrate([schema("once", first)]), [])
        assert.deepStrictEqual(yield* migrate([schema("once", second)]), ["once/0002_more"])
        assert.deepStrictEqual(yield* migrate([schema("once", second)]), [])
        assert.deepStrictEqual(yield* sql<{ n: number }>`select n from once.t order by n`, [{ n: 1 }, { n: 2 }])
      })
    )

    it.effect(
      "take the body of a function as it is, semicolons and all, and a dollar sign elsewhere as what it is",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const script = `create function bodies.f() returns integer language plpgsql as $$
begin
  perform 1;
  return 2;
end
$$;
create table bodies.t as select bodies.f() as n, '1 $' as price`
          yield* migrate([schema("bodies", { "0001_f": script })])
          assert.deepStrictEqual(yield* sql`select n, price from bodies.t`, [{ n: 2, price: "1 $" }])
        })
    )

    it.effect("of one schema never hide those of another", () =>
      Effect.gen(function* () {
        yield* migrate([schema("ahead", { "0009_t": "create table ahead.t (n int);" })])
        const both = [
          schema("ahead", { "0009_t": "create table ahead.t (n int);" }),
          schema("behind", { "0001_t": "create table behind.t (n int);" })
        ]
        assert.deepStrictEqual(yield* migrate(both), ["behind/0001_t"])
      })
    )

    it.effect("leave nothing behind when one fails, and say why", () =>
      Effect.gen(function* () {
        const brokenBy = (statement: string) => [
          schema("whole", { "0001_t": "create table whole.t (n int);" }),
          schema("broken", { "0001_t": `create table broken.t (n int);\n${statement};` })
        ]
        for (const [statement, why] of [
          ["select no_such_function()", "PostgreSQL: function no_such_function() does not exist (SQLSTATE 42883)"],
          ["select from no_such_table", 'PostgreSQL: relation "no_such_table" does not exist (SQLSTATE 42P01)'],
          ["select 1/0", "PostgreSQL refuses the data (SQLSTATE 22012); its own log may say which"]
        ] as const) {
          const failure = yield* Effect.flip(migrate(brokenBy(statement)))
          assert.strictEqual(describeError(failure), `Migration "1_t" failed: ${why}`)
          assert.deepStrictEqual(yield* tablesOf("whole"), [])
          assert.deepStrictEqual(yield* tablesOf("broken"), [])
        }
        assert.deepStrictEqual(yield* migrate(brokenBy("select 1").slice(0, 1)), ["whole/0001_t"])
      })
    )

    it.effect("split a script at the semicolons that end a line, and nowhere else", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const script = "create table split.t (text text);\n\ninsert into split.t values ('a; b');\n-- the end\n;"
        yield* migrate([schema("split", { "0001_t": script })])
        assert.deepStrictEqual(yield* sql<{ text: string }>`select text from split.t`, [{ text: "a; b" }])
      })
    )
  }
)
