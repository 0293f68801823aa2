import { assert, describe, layer } from "@effect/vitest"
import { migrate } from "@metka/core/Migrations"
import { clientOf } from "@metka/testing/databaseLayers"
import { insertManyOrders } from "@metka/testing/manyOrders"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { allMigrations } from "../../cli/src/AllMigrations.ts"
import { assumeInFlight } from "../src/LookAgain.ts"
import { verify } from "../src/Verify.ts"

const orders = 20_000

/** For all files that a query has at a time. A payload alone has twice as much. */
const bytesAnOrder = 500

/** So little memory that of these few orders everything goes through files that would in large tables. */
const cramp = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [database] = yield* sql<{ name: string }>`select quote_ident(current_database()) as name`
  yield* sql.unsafe(`alter database ${database?.name} set work_mem = '64kB'`)
  yield* sql.unsafe(`alter database ${database?.name} set temp_file_limit = '${(orders * bytesAnOrder) / 1_000}kB'`)
})

/** STG's rows of the same orders, as wide as they are in production. */
const insertStg = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    insert into stg.order_events (object_id, object_type, sent_dttm, payload, order_version, enrichment, topic, partition,
      "offset", kafka_timestamp, received_at)
    select order_id, 'order', now(), json_build_object('filler', repeat('x', 1000)), order_version,
      json_build_object('filler', repeat('y', 200)), 'orders', 0, order_id, now(), now()
    from dds.h_order order by order_id`
  yield* sql`analyze stg.order_events`
})

const filledDatabase = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* (yield* RealServers).database
    yield* Effect.provide(
      Effect.all([migrate(allMigrations), insertManyOrders(orders), insertStg, cramp], { discard: true }),
      clientOf(url)
    )
    return clientOf(url)
  })
).pipe(Layer.provide(RealServers.layer))

describe.skipIf(isMissing("postgres"))("The auditor", () => {
  layer(filledDatabase, { excludeTestServices: true, timeout: "60 seconds" })("On a small disk", (it) => {
    it.effect(
      "verify takes little of it beside the tables",
      () =>
        Effect.gen(function* () {
          const read = yield* verify({ most: 1, fateOf: assumeInFlight, onProgress: () => Effect.void })
          assert.strictEqual(read.orders.total, orders)
        }),
      60_000
    )
  })
})
