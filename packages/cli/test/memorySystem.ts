/** The three services together in this process: memory Kafka and Redis, PostgreSQL as PGlite. */
import { applyRules } from "@metka/cdm/ApplyRules"
import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import { Health } from "@metka/core/Health"
import { Kafka, type OutgoingRecord } from "@metka/core/Kafka"
import { migrate } from "@metka/core/Migrations"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import type { MessyStream, OutgoingMessage } from "@metka/testing/messyStream/messyStream"
import { actualState } from "@metka/testing/oracle/actual"
import { actualStgMessages } from "@metka/testing/oracle/actualStgMessages"
import { diffState } from "@metka/testing/oracle/diffState"
import { type ExpectedState, expectedState } from "@metka/testing/oracle/expectedState"
import { Effect, Layer, References } from "effect"
import { SqlClient } from "effect/sql"
import { allMigrations } from "../src/AllMigrations.ts"
import { runAll } from "../src/AllServices.ts"
import { eventually } from "./eventually.ts"
import { topicRecords } from "./topicRecords.ts"

/** One database a test file, since to make one takes seconds; `withMemorySystem` empties it. */
export const memoryDatabase = Layer.effectDiscard(migrate(allMigrations)).pipe(
  Layer.provideMerge(EmbeddedDatabase.layer()),
  Layer.provideMerge(Layer.succeed(References.MinimumLogLevel, "None"))
)

const emptyTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('ops', 'stg', 'dds', 'cdm') and tablename <> 'migrations'`
  yield* sql.unsafe(`truncate ${tables.map(({ name }) => name).join(", ")} restart identity`)
})

export interface MemorySystemOptions {
  /** Of every topic; 6 unless told. */
  readonly partitions?: number
  /** 2,000 unless told. */
  readonly maxBatchRecords?: number
}

const layersOf = ({ maxBatchRecords, partitions }: MemorySystemOptions) =>
  Layer.mergeAll(
    Kafka.layerMemory(partitions === undefined ? {} : { partitions }),
    ReferenceData.layerMemory,
    Topology.layerDefault(maxBatchRecords === undefined ? {} : { maxBatchRecords }),
    Health.layer({ components: ["kafka", "postgres", "redis"] })
  )

/** Runs `use` beside the services, on empty tables and topics; fails when a service does. */
export const withMemorySystem = <A, E, R>(options: MemorySystemOptions, use: Effect.Effect<A, E, R>) =>
  emptyTables.pipe(
    Effect.andThen(Effect.raceFirst(use, Effect.andThen(runAll, Effect.never))),
    Effect.provide(layersOf(options)),
    Effect.scoped
  )

const sendSize = 2_000

/** Sends order messages into the orders topic, in this order. */
export const send = Effect.fnUntraced(function* (messages: ReadonlyArray<OutgoingMessage>) {
  const kafka = yield* Kafka
  const { orders } = yield* Topology
  const records = messages.map(({ key, value }): OutgoingRecord => ({ key, value, headers: {} }))
  for (let start = 0; start < records.length; start += sendSize) {
    yield* kafka.publish(orders, records.slice(start, start + sendSize))
  }
})

export const loadReferences = Effect.fnUntraced(function* (documents: ReadonlyMap<string, string>) {
  const references = yield* ReferenceData
  yield* references.load([...documents].map(([id, json]) => ({ id, json })))
})

/** References as they are at first, and the rules; then the messages. */
export const sendStream = Effect.fnUntraced(function* (stream: MessyStream) {
  yield* applyRules(stream.rules)
  yield* loadReferences(stream.initialReferences)
  yield* send(stream.deliveries)
})

/** What the oracle makes of all that the orders topic holds. */
export const oracle = Effect.fnUntraced(function* (
  references: ReadonlyMap<string, string>,
  rules: MessyStream["rules"]
) {
  const { orders } = yield* Topology
  return expectedState({ deliveries: yield* topicRecords(orders), references, rules })
})

/** Where the database and `stg-service-orders` differ from what is expected; empty when nothing does. */
export const differences = Effect.fnUntraced(function* (expected: ExpectedState) {
  const { stgOrders } = yield* Topology
  const stgMessages = actualStgMessages(yield* topicRecords(stgOrders))
  return diffState(expected, { ...(yield* actualState), stgMessages })
})

/** Waits until the state is what the oracle says; parked orders need a moment to find the last of their references. */
export const endsAs = (expected: ExpectedState) =>
  eventually("the state is the oracle's", differences(expected), "20 seconds")
