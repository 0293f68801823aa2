/** A database that has taken in a messy stream, and inner messages that no STG sent; broken and restored by tests. */
import { Kafka } from "@metka/core/Kafka"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { Topology } from "@metka/core/Topology"
import { categoryKey, productKey, userKey } from "@metka/dds/vault"
import { loadReferences, oracle } from "@metka/testing/againstOracle"
import { sendStream, withMemorySystem } from "@metka/testing/memorySystem"
import { finalReferences, messyStream } from "@metka/testing/messyStream/messyStream"
import { settled } from "@metka/testing/settled"
import { Effect, Layer, References } from "effect"
import { SqlClient } from "effect/sql"
import { lookAgain } from "../src/LookAgain.ts"
import { verify } from "../src/Verify.ts"

const stream = messyStream(12, 120, { never: 0.05 })

/** An enriched order as another program may send it: without a header. */
const innerOrder = (id: number, status: string) =>
  JSON.stringify({
    object_id: id,
    object_type: "order",
    payload: {
      id,
      date: "2023-04-01 10:00:00",
      cost: 10,
      payment: 10,
      status,
      restaurant: { id: "inner restaurant", name: "Inner" },
      user: { id: "inner guest", name: "Inner guest" },
      products: [{ id: "inner dish", price: 10, quantity: 1, name: "Inner dish", category: "Супы" }]
    }
  })

const innerStats = JSON.stringify([
  {
    user_id: userKey("inner guest"),
    product_id: productKey("inner dish"),
    product_name: "Inner dish",
    category_id: categoryKey("Супы"),
    category_name: "Супы",
    order_cnt: 1
  }
])

/** Messages on the inner topics without any header: valid, and known to no stage before. */
const sendInner = Effect.gen(function* () {
  const kafka = yield* Kafka
  const { cdmStats, stgOrders } = yield* Topology
  yield* kafka.publish(
    stgOrders,
    [innerOrder(900_000_001, "CLOSED"), innerOrder(900_000_001, "CANCELLED"), innerOrder(900_000_002, "CLOSED")].map(
      (value) => ({ key: "inner guest", value, headers: {} })
    )
  )
  yield* kafka.publish(
    cdmStats,
    [innerStats, innerStats, "[]"].map((value) => ({ key: "inner guest", value, headers: {} }))
  )
})

const takeIn = withMemorySystem(
  // Small batches, so that versions come to the vault one by one and leave superseded rows.
  { maxBatchRecords: 20 },
  Effect.gen(function* () {
    yield* sendStream(stream)
    yield* settled((yield* oracle(stream.initialReferences, stream.rules)).parked.length)
    yield* loadReferences(stream.lateReferences)
    yield* settled((yield* oracle(finalReferences(stream), stream.rules)).parked.length)
    yield* sendInner
    yield* settled((yield* oracle(finalReferences(stream), stream.rules)).parked.length)
  })
)

/** By name, so that `cdm.numbering_databases` is there before a row of the history, which would add to it. */
const tables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{ name: string; copy: string }>`
    select format('%I.%I', schemaname, tablename) as name, format('copies.%I', tablename) as copy from pg_tables
    where schemaname in ('stg', 'dds', 'cdm') and tablename <> 'migrations' order by 1`
})

const keepCopies = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create schema copies`
  for (const { copy, name } of yield* tables) yield* sql.unsafe(`create table ${copy} as table ${name}`)
})

/** Puts the table that this statement changed back to what it was when the stream had been taken in. */
export const restored = Effect.fnUntraced(function* (statement: string) {
  const sql = yield* SqlClient.SqlClient
  const changed = /^(?:update|delete from|insert into) (\S+)/.exec(statement)?.[1]
  for (const { copy, name } of yield* tables) {
    if (name !== changed) continue
    yield* sql.unsafe(`truncate ${name}`)
    yield* sql.unsafe(`insert into ${name} overriding system value table ${copy}`)
  }
})

/** Puts every table back. */
export const restoredAll = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const all = yield* tables
  yield* sql.unsafe(`truncate ${all.map(({ name }) => name).join(", ")}`)
  for (const { copy, name } of all) yield* sql.unsafe(`insert into ${name} overriding system value table ${copy}`)
})

/** Takes the stream in once for a whole file. */
export const messyDatabase = Layer.effectDiscard(Effect.andThen(takeIn, keepCopies)).pipe(
  Layer.provideMerge(Layer.succeed(References.MinimumLogLevel, "None"))
)

/** The verdict when nothing is on its way. */
export const verdict = verify({ most: 100, fateOf: lookAgain, onProgress: () => Effect.void }).pipe(
  Effect.provide(Layer.mergeAll(KafkaMemory.layer(), Topology.layerDefault()))
)
