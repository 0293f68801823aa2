/** The three services together in this process: memory Kafka and Redis, PostgreSQL as PGlite. */
import { applyRules } from "@metka/cdm/ApplyRules"
import * as EmbeddedDatabase from "@metka/core/EmbeddedDatabase"
import * as PgliteHere from "@metka/core/PgliteHere"
import { Health } from "@metka/core/Health"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { migrate } from "@metka/core/Migrations"
import * as MemoryReferenceData from "@metka/core/MemoryReferenceData"
import { Topology } from "@metka/core/Topology"
import { loadReferences, send } from "@metka/testing/againstOracle"
import type { MessyStream } from "@metka/testing/messyStream/messyStream"
import { Effect, Layer, References } from "effect"
import { SqlClient } from "effect/sql"
import { allMigrations } from "../src/AllMigrations.ts"
import { runAll } from "../src/AllServices.ts"

/** One database a test file, since to make one takes seconds; `withMemorySystem` empties it. */
export const memoryDatabase = Layer.effectDiscard(migrate(allMigrations)).pipe(
  Layer.provideMerge(EmbeddedDatabase.layer(PgliteHere.open)),
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
  /** 1,000 unless told. */
  readonly maxBatchRecords?: number
}

const layersOf = ({ maxBatchRecords, partitions }: MemorySystemOptions) =>
  Layer.mergeAll(
    KafkaMemory.layer(partitions === undefined ? {} : { partitions }),
    MemoryReferenceData.layer,
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

/** References as they are at first, and the rules; then the messages. */
export const sendStream = Effect.fnUntraced(function* (stream: MessyStream) {
  yield* applyRules(stream.rules)
  yield* loadReferences(stream.initialReferences)
  yield* send(stream.deliveries)
})
