import { assert, describe, layer } from "@effect/vitest"
import { opsMigrations } from "@metka/core/OpsSchema"
import { emptied, real } from "@metka/testing/databaseLayers"
import { isMissing } from "@metka/testing/realServers"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { cdmMigrations } from "../src/CdmSchema.ts"
import { publishTags } from "../src/TagOutbox.ts"
import { announced, history, surroundings, userId } from "./CdmHarness.ts"
import { tagContract } from "./tagContract.ts"

const database = real(opsMigrations, cdmMigrations)

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  tagContract("TagRepository", database)

  layer(database, { excludeTestServices: true })("Two publishers of tags", (it) => {
    it.effect("send each event once and in order: one at a time sends", () =>
      Effect.gen(function* () {
        yield* emptied
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent)
          select ${userId("a")}::uuid, 't', ${userId("c")}::uuid, 'given', n, 1, '2023-04-08T20:27:36Z', ''
          from generate_series(1, 3500) as n`
        yield* Effect.all([publishTags, publishTags, publishTags], { concurrency: "unbounded" })
        yield* publishTags
        const given = (yield* history).map(({ event }) => event)
        assert.lengthOf(given, 3_500)
        assert.deepStrictEqual(
          (yield* announced).map(({ event }) => event),
          given
        )
      }).pipe(Effect.provide(surroundings()))
    )
  })
})
