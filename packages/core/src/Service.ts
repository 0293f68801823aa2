/** A service: its work beside health, metrics and a heartbeat. */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Health } from "./Health.ts"
import * as HttpServer from "./HttpServer.ts"
import * as Instances from "./Instances.ts"
import { Kafka } from "./Kafka.ts"
import { ReferenceData } from "./ReferenceData.ts"
import { version } from "./version.ts"

export interface ServiceOptions<E = never, R = never> {
  readonly name: string
  readonly defaultPort: number
  /** Pages beside health and metrics. */
  readonly routes?: Layer.Layer<never, E, R>
}

/**
 * Asks PostgreSQL whether it answers, and would let us work: with schemas or rights missing it answers as well.
 * @param tables what the process lives on, each with its schema
 */
export const probeDatabase = (...tables: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* Health.probe("postgres", sql`select from ${sql.csv(tables)} limit 0`)
  })

/** Asks Kafka whether it answers, and PostgreSQL as `probeDatabase` does. */
export const probeServers = (...tables: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    yield* Health.probe("kafka", kafka.ping)
    yield* probeDatabase(...tables)
  })

/** Asks Redis whether it answers. */
export const probeReferences = Effect.gen(function* () {
  const references = yield* ReferenceData
  yield* Health.probe("redis", references.ping)
})

/** Health, metrics and a heartbeat around `work`, which runs until it is interrupted. */
export const serve = <E, R, E2 = never, R2 = never>(
  options: ServiceOptions<E2, R2>,
  work: Effect.Effect<void, E, R>
) => {
  const observed = Layer.mergeAll(HttpServer.layer(options), Instances.layer({ service: options.name, version }))
  return Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.logInfo(`metka ${options.name} ${version} starts`)
      yield* Effect.ensuring(work, Effect.logInfo(`metka ${options.name} stops`))
    })
  ).pipe(Effect.provide(observed))
}
