import { assert, describe, it } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import * as Cdm from "@metka/cdm/Cdm"
import { Health } from "@metka/core/Health"
import * as Dds from "@metka/dds/Dds"
import * as Stg from "@metka/stg/Stg"
import { endsAs, loadReferences, oracle, send } from "@metka/testing/againstOracle"
import { finalReferences, messyStream } from "@metka/testing/messyStream/messyStream"
import { type Environment, runProcess } from "@metka/testing/processes"
import { clientsOf } from "@metka/testing/processSystem"
import { realEnvironment } from "@metka/testing/realEnvironment"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { settled, underWay } from "@metka/testing/settled"
import { Effect, Layer, References, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { lackingOrders, republish } from "../../cli/src/Republish.ts"
import { assumeInFlight, lookAgain } from "../src/LookAgain.ts"
import { nothing, rebuild } from "../src/Rebuild.ts"
import { verify } from "../src/Verify.ts"

const onProgress = () => Effect.void
const stream = messyStream(77, 250, { never: 0.02 })

/** Beside the test, with connections of their own, until its end. */
const running = <E, R>(env: Environment, service: Effect.Effect<unknown, E, R>) =>
  service.pipe(
    Effect.provide(
      Layer.mergeAll(Layer.fresh(clientsOf(env)), Health.layer({ components: ["kafka", "postgres", "redis"] }))
    ),
    Effect.forkScoped
  )

const storedOrders = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ count: number }>`select count(*)::int as count from stg.order_events`
  return rows[0]?.count ?? 0
})

const command = (env: Environment, ...args: ReadonlyArray<string>) =>
  runProcess(["packages/cli/bin/metka.mjs", ...args], env)

describe.skipIf(isMissing("kafka", "redis", "postgres"))("verify and rebuild while the services run", () => {
  it.live(
    "raise no false alarm and lose nothing; the commands say by their exit codes what is wrong, and mend it",
    () =>
      Effect.gen(function* () {
        const env = yield* realEnvironment(yield* (yield* RealServers).database)
        yield* Effect.gen(function* () {
          yield* applyRules(stream.rules)
          yield* loadReferences(finalReferences(stream))
          yield* running(env, Stg.run)
          yield* send(stream.deliveries)
          while ((yield* storedOrders) < 150) yield* Effect.sleep("20 millis")
          const early = yield* verify({ most: 10, fateOf: assumeInFlight, onProgress })
          assert.deepStrictEqual(early.differences, [])
          assert.isAbove(early.orders.inFlight, 50, "of which the vault has none yet")

          yield* running(env, Effect.all([Dds.run, Cdm.run], { concurrency: "unbounded" }))
          const expected = yield* oracle(finalReferences(stream), stream.rules)
          // A broker has no leader yet for a topic that was made just now.
          const isDone = underWay(expected.parked.length).pipe(
            Effect.map((left) => left.length === 0),
            Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "20 seconds" })))
          )
          for (let round = 0; round < 4 && !(yield* isDone); round++) {
            yield* rebuild({ from: round % 2 === 0 ? "vault" : "stg", dryRun: false, onProgress })
            const { differences } = yield* verify({ most: 10, fateOf: lookAgain, onProgress })
            assert.deepStrictEqual(differences, [], `round ${round}`)
          }
          yield* settled(expected.parked.length)
          yield* endsAs(expected)
          assert.deepStrictEqual(yield* rebuild({ from: "stg", dryRun: false, onProgress }), nothing)

          const sql = yield* SqlClient.SqlClient
          // As verify advises where the vault has an order wrong.
          const [order] = yield* sql<{
            h_order_pk: string
          }>`select h_order_pk from dds.h_order
            join stg.order_events on object_id = order_id and order_events.order_version = h_order.order_version
            where version_no = 1 limit 1`
          const links = ["l_order_user", "l_order_product"]
          for (const table of [
            ...links,
            "s_order_cost",
            "s_order_status",
            "s_order_effectivity",
            "s_order_product",
            "h_order"
          ]) {
            yield* sql`delete from ${sql(`dds.${table}`)} where h_order_pk = ${order?.h_order_pk ?? ""}::uuid`
          }
          yield* republish(yield* lackingOrders, onProgress)
          yield* settled(expected.parked.length)
          const retaken = yield* verify({ most: 10, fateOf: lookAgain, onProgress })
          assert.deepStrictEqual(retaken.differences, [])

          yield* sql`update cdm.user_product_counters set order_cnt = order_cnt + 1
            where ctid = (select min(ctid) from cdm.user_product_counters)`
          const wrong = yield* command(env, "verify")
          assert.strictEqual(wrong.code, 1)
          assert.match(wrong.stdout, /To mend these: npx metka rebuild\n {2}orders? \d+/)
          assert.match((yield* command(env, "rebuild")).stdout, /1 {2}counters of dishes/)
          assert.strictEqual((yield* command(env, "verify", "--json")).code, 0)

          yield* send(stream.deliveries)
          yield* settled(expected.parked.length)
          const noted = yield* command(env, "verify")
          assert.strictEqual(noted.code, 0)
          assert.match(noted.stderr, /committed offsets are \d+ messages past the newest.*have the orders read anew/)
        }).pipe(Effect.provide(clientsOf(env)))
      }).pipe(
        Effect.scoped,
        Effect.provide(RealServers.layer),
        Effect.provideService(References.MinimumLogLevel, "None")
      ),
    120_000
  )
})
