import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import * as PgliteHere from "@metka/core/PgliteHere"
import { assert, layer } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger } from "effect"
import { SqlClient } from "effect/sql"
import { migrateDatabase } from "../src/Migrate.ts"

/** Migrates with this environment: the zone of the database, whether its views are to be computed, and the log. */
const migrated = Effect.fnUntraced(function* (env: Readonly<Record<string, string>>) {
  const sql = yield* SqlClient.SqlClient
  const lines: Array<string> = []
  const keep = Logger.make(({ message }) => void lines.push(String(message)))
  yield* Effect.provide(
    migrateDatabase,
    Layer.merge(ConfigProvider.layer(ConfigProvider.fromUnknown(env)), Logger.layer([keep]))
  )
  const [row] = yield* sql<{ time_zone: string; due: boolean }>`
    select time_zone, refreshed_at is null and months_refreshed_at is null as due from bi.settings`
  yield* sql`update bi.settings set refreshed_at = now(), months_refreshed_at = now()`
  return [row?.time_zone, row?.due, ...lines]
})

layer(EmbeddedDatabase.layer(PgliteHere.open), { timeout: "1 minute" })("The business time zone", (it) => {
  it.effect("of a new database is Moscow's, and changes when the environment names another, which is told", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* migrated({}), ["Europe/Moscow", true])
      const told =
        "the business time zone was Europe/Moscow and is Asia/Vladivostok now: " +
        "the CDM service counts the views of BI anew, within 15 s if it runs"
      assert.deepStrictEqual(yield* migrated({ BUSINESS_TIME_ZONE: "Asia/Vladivostok" }), [
        "Asia/Vladivostok",
        true,
        told
      ])
    })
  )

  it.effect("stays where the environment names none, or the same", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* migrated({}), ["Asia/Vladivostok", false])
      assert.deepStrictEqual(yield* migrated({ BUSINESS_TIME_ZONE: "Asia/Vladivostok" }), ["Asia/Vladivostok", false])
    })
  )
})
