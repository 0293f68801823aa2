import { assert, describe, it } from "@effect/vitest"
import { differences, loadReferences, oracle, send } from "@metka/testing/againstOracle"
import { eventually } from "@metka/testing/eventually"
import { newestEventId, tagsByTable, tagsByTopic } from "@metka/testing/guestTags"
import { messyStream } from "@metka/testing/messyStream/messyStream"
import { metka } from "@metka/testing/processes"
import { applyRulesFile, clientsOf, startServices } from "@metka/testing/processSystem"
import { realEnvironment } from "@metka/testing/realEnvironment"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { ownPostgresServer } from "@metka/testing/servers"
import { settled } from "@metka/testing/settled"
import { Effect, References } from "effect"
import { SqlClient } from "effect/sql"
import { execFile } from "node:child_process"
import { rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"

const patience = "60 seconds"
const stream = messyStream(77, 300)
const half = Math.floor(stream.deliveries.length / 2)

const dataFolder = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ data_directory: string }>`show data_directory`
  return rows[0]?.data_directory ?? assert.fail("no folder")
})

describe.skipIf(isMissing("kafka", "redis", "postgres"))(
  "A standby that takes over without the last transactions",
  () => {
    it.live(
      "is given what it lacks by the services that run, and announces tags above all that were announced",
      () =>
        Effect.gen(function* () {
          const postgres = yield* ownPostgresServer
          const env = yield* realEnvironment(postgres.url)
          yield* applyRulesFile(env, stream.rules)
          const services = yield* startServices(env)
          yield* Effect.gen(function* () {
            yield* loadReferences(stream.initialReferences)
            yield* send(stream.deliveries.slice(0, half))
            const before = yield* oracle(stream.initialReferences, stream.rules)
            yield* settled(before.parked.length, patience)

            const primary = yield* dataFolder
            const standby = `${primary}-standby`
            yield* postgres.stop
            yield* Effect.promise(() => promisify(execFile)("cp", ["-a", primary, standby]))
            yield* postgres.start

            yield* send(stream.deliveries.slice(half))
            const expected = yield* oracle(stream.initialReferences, stream.rules)
            yield* settled(expected.parked.length, patience)
            const announced = yield* tagsByTopic
            const newest = yield* newestEventId

            yield* postgres.kill
            yield* Effect.promise(async () => {
              await rm(primary, { recursive: true })
              await rename(standby, primary)
              await writeFile(join(primary, "standby.signal"), "")
            })
            yield* postgres.start
            const sql = yield* SqlClient.SqlClient
            const orders = yield* sql<{ count: number }>`select count(*)::int as count from stg.order_events`
            assert.isBelow(orders[0]?.count ?? 0, expected.stgOrderEvents.length)
            yield* sql`select pg_promote()`

            yield* eventually("the state is the oracle's", differences(expected), "90 seconds")
            yield* settled(expected.parked.length, patience)
            assert.deepStrictEqual(yield* tagsByTable, announced)
            assert.deepStrictEqual(yield* tagsByTopic, announced)
            assert.isAbove(announced.length, 10)
            assert.isTrue((yield* newestEventId) > newest, "the tags that were given once more have newer ids")
            yield* metka(env, "verify")
            assert.match(services[0]?.stdout() ?? "", /messages of \S+ are read again: PostgreSQL does not say/)
          }).pipe(Effect.provide(clientsOf(env)))
        }).pipe(
          Effect.scoped,
          Effect.provide(RealServers.layer),
          Effect.provideService(References.MinimumLogLevel, "None")
        ),
      240_000
    )
  }
)
