import { assert, describe, it } from "@effect/vitest"
import { uuidOf } from "@metka/core/Uuid"
import { clientOf } from "@metka/testing/databaseLayers"
import { runProcess } from "@metka/testing/processes"
import { temporaryFolder } from "@metka/testing/processSystem"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { migrateDatabase } from "../src/Migrate.ts"

const guests = 150_000

const soupEaters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* migrateDatabase
  yield* sql`
    insert into cdm.user_category_counters
    select md5(n::text)::uuid, ${uuidOf("h_category", "soups")}::uuid, 'soups', 3 from generate_series(1, ${guests}::int) as n`
})

describe.skipIf(isMissing("postgres"))("rules of an audience that the memory does not hold", () => {
  it.live(
    "are tried, applied and retired",
    () =>
      Effect.gen(function* () {
        const url = yield* (yield* RealServers).database
        yield* Effect.provide(soupEaters, clientOf(url))
        const folder = yield* temporaryFolder
        const apply = Effect.fnUntraced(function* (rules: ReadonlyArray<object>, ...flags: ReadonlyArray<string>) {
          const file = join(folder, "rules.yaml")
          yield* Effect.promise(() => writeFile(file, JSON.stringify({ rules })))
          return yield* runProcess(
            ["--max-old-space-size=48", "packages/cli/bin/metka.mjs", "rules", "apply", ...flags, file],
            { DATABASE_URL: url }
          )
        })
        const rules = [{ tag: "t", category: "soups", threshold: 2 }]
        const tried = yield* apply(rules, "--dry-run")
        assert.include(tried.stdout, "It would give 150,000 tags and take 0.", tried.stderr)
        const applied = yield* apply(rules)
        assert.include(applied.stdout, "150,000 tags given, 0 taken.", applied.stderr)
        const retired = yield* apply([])
        assert.include(retired.stdout, "0 tags given, 150,000 taken.", retired.stderr)
      }).pipe(Effect.provide(RealServers.layer), Effect.scoped),
    120_000
  )
})
