import { assert, describe, it } from "@effect/vitest"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import * as MemoryReferenceData from "@metka/core/MemoryReferenceData"
import { Topology } from "@metka/core/Topology"
import { Effect, Layer, Logger } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, SqlError, Statement } from "effect/sql"
import { TestClock } from "effect/testing"
import { opsMigrations } from "@metka/core/OpsSchema"
import { embedded } from "@metka/testing/databaseLayers"
import * as ParkedOrders from "../src/ParkedOrders.ts"
import { stgMigrations } from "../src/StgSchema.ts"
import { parkedOrdersContract } from "./parkedOrdersContract.ts"

const notMigrated = new SqlError.SqlError({
  reason: new SqlError.UnknownError({
    cause: Object.assign(new Error('relation "stg.parked_orders" does not exist'), {
      severity: "ERROR",
      code: "42P01"
    })
  })
})

const client = Layer.effect(
  SqlClient.SqlClient,
  SqlClient.make({
    acquirer: Effect.fail(notMigrated),
    compiler: Statement.makeCompilerSqlite(),
    driver: "pg",
    spanAttributes: []
  })
).pipe(Layer.provide(Reactivity.layer))

describe("parked orders", () => {
  it.effect("are looked for less and less often while the database cannot be read, down to every 5 s or so", () => {
    const lines: Array<string> = []
    const keep = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.gen(function* () {
      yield* Effect.forkChild(ParkedOrders.run)
      yield* TestClock.adjust("1 minute")
      assert.isAbove(lines.length, 10)
      assert.isBelow(lines.length, 25)
      assert.include(lines[0], "run `npm run migrate`")
    }).pipe(
      Effect.provide([
        client,
        KafkaMemory.layer(),
        MemoryReferenceData.layer,
        Topology.layerDefault(),
        Logger.layer([keep])
      ])
    )
  })
})

parkedOrdersContract("parked orders on PGlite", embedded(opsMigrations, stgMigrations))
