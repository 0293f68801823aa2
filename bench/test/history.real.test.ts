import { describe, expect, it } from "@effect/vitest"
import { isMissing } from "@metka/testing/realServers"
import { Effect, Exit } from "effect"
import { SqlClient } from "effect/sql"
import { compareWarehouses } from "../comparison.ts"
import { onDatabase } from "../database.ts"
import { makeRound } from "../round.ts"
import { temporaryFolder } from "../run.ts"
import { startServers } from "../servers.ts"

const orders = 300
/** Three servers, three services and two migrations start in it. */
const within = { timeout: 300_000 }

describe.skipIf(isMissing("kafka", "redis", "postgres"))("the benchmark's history", () => {
  it.live(
    "three services and one load in SQL end in the same warehouse, and a wrong counter is found",
    () =>
      Effect.gen(function* () {
        const servers = yield* startServers({ statementStats: false })
        const bench = { servers, folder: yield* temporaryFolder, orders, seed: 1, rounds: 1 }
        const { loadUrl, measured, workplace } = yield* makeRound(bench, orders)
        expect(measured.rows["cdm.order_contributions"]).toBe(orders)
        expect(measured.history.cpu.cdm).toBeGreaterThan(0)

        yield* onDatabase(
          workplace.databaseUrl,
          Effect.flatMap(
            SqlClient.SqlClient,
            (sql) => sql`update cdm.user_category_counters set order_cnt = order_cnt + 1
            where ctid = (select min(ctid) from cdm.user_category_counters)`
          )
        )
        const compared = yield* Effect.exit(compareWarehouses(workplace.databaseUrl, loadUrl))
        expect(Exit.isFailure(compared) && String(compared.cause)).toContain("cdm.user_category_counters: found")
      }).pipe(Effect.scoped),
    within
  )
})
