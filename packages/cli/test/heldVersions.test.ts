import { assert, layer } from "@effect/vitest"
import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import { readableVersionFunction } from "@metka/core/heldVersions"
import { referenceVersion } from "@metka/core/messages/ReferenceVersion"
import { migrate } from "@metka/core/Migrations"
import * as PgliteHere from "@metka/core/PgliteHere"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { allMigrations } from "../src/AllMigrations.ts"

const newest = new Set([
  "0004_readable_versions",
  "0005_readable_versions",
  "0006_by_guest",
  "0007_names_of_closed_orders",
  "0005_bookmarks",
  "0008_windows",
  "0009_event_ids_after_a_restore",
  "0011_tags_with_a_window"
])

const olderForm = allMigrations.map(({ migrations, schema }) => ({
  schema,
  migrations: Object.fromEntries(Object.entries(migrations).filter(([name]) => !newest.has(name)))
}))

const uuid = (n: number): string => `00000000-0000-0000-0000-00000000000${n}`

layer(EmbeddedDatabase.layer(PgliteHere.open), { excludeTestServices: true, timeout: "1 minute" })(
  "Names that an earlier build held under a time that is none",
  (it) => {
    it.effect("are older than any after the migration, and those of another spelling as new as they are", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* migrate(olderForm)
        const held: ReadonlyArray<readonly [version: string, hashdiff: number, afterwards: string | undefined]> = [
          ["2025-06-01 12:00:00", 1, "2025-06-01 12:00:00"],
          ["2025-06-01 12:00:00.5", 1, "2025-06-01 12:00:00.5"],
          ["!0001672531202000", 1, "!0001672531202000"],
          ["", 1, ""],
          ["zzz", 1, undefined],
          ["zzz", 2, ""],
          ["yesterday", 3, ""],
          ["9999-99-99 99:99:99", 4, ""],
          ["2025-02-30", 5, ""],
          ["2025-06-01T12:00:00", 6, "2025-06-01 12:00:00"],
          ["2025-06-01T12:00:00.25Z", 6, "2025-06-01 12:00:00.25"],
          ["2025-06-01 12:00:00+03", 6, "2025-06-01 09:00:00"]
        ]
        for (const [index, [version, hashdiff]] of held.entries()) {
          yield* sql`insert into dds.s_user_names
            (h_user_pk, username, userlogin, user_version, hk_user_names_hashdiff, load_dt, load_src)
            values (${uuid(1)}::uuid, 'n', 'l', ${version}, ${uuid(hashdiff)}::uuid, ${`2025-01-01 00:00:${index + 10}`}::timestamptz, 's')`
          yield* sql`insert into dds.s_product_names
            (h_product_pk, name, restaurant_version, hk_product_names_hashdiff, load_dt, load_src)
            values (${uuid(1)}::uuid, 'n', ${version}, ${uuid(hashdiff)}::uuid, ${`2025-01-01 00:00:${index + 10}`}::timestamptz, 's')`
          yield* sql`insert into dds.s_restaurant_names
            (h_restaurant_pk, name, restaurant_version, hk_restaurant_names_hashdiff, load_dt, load_src)
            values (${uuid(1)}::uuid, 'n', ${version}, ${uuid(hashdiff)}::uuid, ${`2025-01-01 00:00:${index + 10}`}::timestamptz, 's')`
        }
        yield* sql`insert into cdm.product_names values (${uuid(1)}::uuid, 'n', 'zzz'), (${uuid(2)}::uuid, 'n', '2025-06-01')`
        yield* sql`insert into cdm.category_names values (${uuid(1)}::uuid, 'n', '2025-06-01 12:00:00'), (${uuid(2)}::uuid, 'n', 'zzz')`

        assert.lengthOf(yield* migrate(allMigrations), newest.size)

        const expected = held.flatMap(([, , afterwards]) => afterwards ?? []).toSorted()
        const versions = yield* sql<{ users: string[]; products: string[]; restaurants: string[] }>`
          select (select array_agg(user_version order by user_version) from dds.s_user_names) as users,
            (select array_agg(restaurant_version order by restaurant_version) from dds.s_product_names) as products,
            (select array_agg(restaurant_version order by restaurant_version) from dds.s_restaurant_names) as restaurants`
        assert.deepStrictEqual(versions, [{ users: expected, products: expected, restaurants: expected }])
        assert.deepStrictEqual(
          yield* sql`select name_version from cdm.product_names
            union all select name_version from cdm.category_names order by 1`,
          ["", "", "2025-06-01 00:00:00", "2025-06-01 12:00:00"].map((name_version) => ({ name_version }))
        )
      })
    )

    it.effect("are put right by what the services make of a time, digit by digit", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`create schema if not exists judged`
        yield* sql.unsafe(readableVersionFunction("judged"))
        const days = ["2025-06-01", "2024-02-29", "2025-02-29", "0001-01-01", "9999-12-31", "0000-01-01", "25-06-01"]
        const times = ["", "T12:30", " 12:30", "t12:30", " 24:00", " 23:59"]
        const seconds = ["", ":00", ":59", ":60"]
        const fractions = ["", ".5", ".1234564", ".9999999", "."]
        const zones = [
          "",
          "Z",
          "z",
          " UTC",
          " GMT",
          " MSK",
          "+00",
          "+03:00",
          "-0530",
          "+16:00",
          "+99:99",
          "+03:00:00",
          " BC",
          "\n"
        ]
        const spelled = days.flatMap((day) =>
          times.flatMap((time) =>
            seconds.flatMap((second) =>
              fractions.flatMap((fraction) => zones.map((zone) => `${day}${time}${second}${fraction}${zone}`))
            )
          )
        )
        const texts = [...spelled, "zzz", "", "yesterday", "now", "infinity"]
        const rows = yield* sql<{ text: string; version: string }>`
          select text, judged.readable_version(text) as version from unnest(${texts}::text[]) as text`
        assert.lengthOf(rows, texts.length)
        const differing = rows.filter(({ text, version }) => version !== referenceVersion(text))
        assert.deepStrictEqual(differing.slice(0, 10), [])
      })
    )
  }
)
