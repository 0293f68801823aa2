import { assert, layer } from "@effect/vitest"
import { Health } from "@metka/core/Health"
import { endsAs, oracle, send } from "@metka/testing/againstOracle"
import { eventuallyTrue } from "@metka/testing/eventually"
import { memoryDatabase, sendStream, withMemorySystem } from "@metka/testing/memorySystem"
import { messyStream } from "@metka/testing/messyStream/messyStream"
import { settled } from "@metka/testing/settled"
import { Clock, Duration, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { postgresSwitch } from "./postgresSwitch.ts"

const stream = messyStream(3, 300, { broken: 0, late: 0 })
const half = Math.floor(stream.deliveries.length / 2)
const outage = Duration.minutes(10)

/** Whoever has something to do does it, then a moment passes. */
const moment = Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(
  Effect.andThen(TestClock.adjust("100 millis"))
)

const ordersInMarts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ count: number }>`select count(*)::int as count from cdm.order_contributions`
  return rows[0]?.count ?? 0
})

layer(memoryDatabase, { timeout: "60 seconds" })("A PostgreSQL that is away for ten minutes", (it) => {
  it.effect(
    "is waited for, not ready all the while, with no dead letter, and all that came meanwhile is taken in exactly",
    () =>
      Effect.gen(function* () {
        const real = yield* SqlClient.SqlClient
        const postgres = yield* postgresSwitch
        yield* withMemorySystem(
          { maxBatchRecords: 20 },
          Effect.gen(function* () {
            const health = yield* Health
            const time = yield* Effect.forkScoped(Effect.forever(moment))
            yield* sendStream({ ...stream, deliveries: stream.deliveries.slice(0, half) })
            yield* eventuallyTrue(
              "orders are in the marts",
              Effect.map(ordersInMarts, (count) => count > 0)
            )
            yield* postgres.goAway
            yield* send(stream.deliveries.slice(half))
            yield* eventuallyTrue(
              "not ready",
              Effect.map(health.readiness, ({ ready }) => !ready)
            )
            const before = yield* Effect.provideService(ordersInMarts, SqlClient.SqlClient, real)
            const awayUntil = (yield* Clock.currentTimeMillis) + Duration.toMillis(outage)
            while ((yield* Clock.currentTimeMillis) < awayUntil) {
              yield* Effect.sleep("5 seconds")
              assert.isFalse((yield* health.readiness).ready)
            }
            assert.strictEqual(yield* Effect.provideService(ordersInMarts, SqlClient.SqlClient, real), before)
            yield* postgres.comeBack

            const expected = yield* oracle(stream.initialReferences, stream.rules)
            yield* settled(expected.parked.length, "10 minutes")
            yield* endsAs(expected)
            assert.lengthOf(expected.stgOrderEvents, 300)
            assert.isEmpty(expected.deadLetters)
            assert.isAbove(yield* ordersInMarts, before)
            assert.isTrue((yield* health.readiness).ready)
            assert.isUndefined(time.pollUnsafe())
          })
        ).pipe(Effect.provideService(SqlClient.SqlClient, postgres.client))
      }),
    60_000
  )
})
