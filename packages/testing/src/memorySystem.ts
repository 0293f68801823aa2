/** The three services together in this process: memory Kafka and Redis, PostgreSQL as PGlite. */
import { applyRules } from "@metka/cdm/ApplyRules"
import { allMigrations } from "@metka/cli/AllMigrations"
import { runAll } from "@metka/cli/AllServices"
import { Health } from "@metka/core/Health"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import * as MemoryReferenceData from "@metka/core/MemoryReferenceData"
import { Topology } from "@metka/core/Topology"
import { Effect, Layer, References } from "effect"
import { loadReferences, send } from "./againstOracle.ts"
import { embedded, emptied } from "./databaseLayers.ts"
import type { MessyStream } from "./messyStream/messyStream.ts"

/** One database a test file, since to make one takes seconds; `withMemorySystem` empties it. */
export const memoryDatabase = embedded(...allMigrations).pipe(
  Layer.provideMerge(Layer.succeed(References.MinimumLogLevel, "None"))
)

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
  emptied.pipe(
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
