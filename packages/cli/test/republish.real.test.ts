import { assert, describe, it } from "@effect/vitest"
import { real } from "@metka/testing/databaseLayers"
import { metkaMain, runProcess } from "@metka/testing/processes"
import { clientsOf } from "@metka/testing/processSystem"
import { realEnvironment } from "@metka/testing/realEnvironment"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { Effect, References } from "effect"
import { allMigrations } from "../src/AllMigrations.ts"
import { republishContract, storeUnreadable } from "./republishContract.ts"

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  republishContract("republish", real(...allMigrations))
})

describe.skipIf(isMissing("kafka", "redis", "postgres"))("metka republish", () => {
  it.live(
    "exits with 1 when it had to leave orders out, after it has sent the others",
    () =>
      Effect.gen(function* () {
        const env = yield* realEnvironment(yield* (yield* RealServers).database)
        yield* Effect.provide(storeUnreadable, clientsOf(env))
        const { code, stderr, stdout } = yield* runProcess([metkaMain, "republish"], env)
        assert.match(stdout, /1 orders sent again/)
        assert.match(stderr, /Left out: what STG has stored of order 1 cannot be read .*restore its row/)
        assert.match(stderr, /2 orders were left out/)
        assert.strictEqual(code, 1)
      }).pipe(
        Effect.scoped,
        Effect.provide(RealServers.layer),
        Effect.provideService(References.MinimumLogLevel, "None")
      ),
    120_000
  )
})
