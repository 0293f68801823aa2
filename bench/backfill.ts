/** A backlog through the three services, from an orders topic that is full already. */
import { Effect, Fiber } from "effect"
import { checkpoint, databaseSize, onDatabase, writtenAhead } from "./database.ts"
import { cpuSeconds, peakMemory } from "./processUsage.ts"
import { clientsOf, type Servers, serversCpu, type Workplace } from "./servers.ts"
import {
  type OfStages,
  perStage,
  type StageOptions,
  startStage,
  stopAll,
  untilAllThrough,
  untilReady,
  whileRunning
} from "./stages.ts"

/** Seconds, CPU-seconds, MiB as the names say. */
export interface BackfillMeasured {
  /** From starting the processes until the marts have everything. */
  readonly seconds: number
  /** The same from the moment at which the first of the services was ready. */
  readonly secondsFromReady: number
  /** From starting the processes until the stage had committed its last record. */
  readonly stageSeconds: OfStages<number>
  readonly cpu: OfStages<number> & Readonly<Record<"postgres" | "kafka" | "redis", number>>
  readonly peakMemory: OfStages<number>
  readonly writtenAheadMib: number
  readonly databaseMib: number
}

/** Measures one run. The database is migrated, Redis and the orders topic are full, nobody has consumed anything. */
export const measureBackfill = (servers: Servers, workplace: Workplace, options: StageOptions) =>
  Effect.provide(measure(servers, workplace, options), clientsOf(workplace))

const measure = Effect.fnUntraced(function* (servers: Servers, workplace: Workplace, options: StageOptions) {
  const { databaseUrl } = workplace
  yield* onDatabase(databaseUrl, checkpoint)
  const walBefore = yield* onDatabase(databaseUrl, writtenAhead)
  const cpuBefore = yield* serversCpu(servers)

  const startedAt = performance.now()
  const services = yield* perStage((name) => startStage(name, workplace, options))
  const all = [services.stg, services.dds, services.cdm]
  const ready = yield* Effect.raceAll(all.map(({ port }) => untilReady(port))).pipe(
    Effect.andThen(Effect.sync(() => performance.now())),
    Effect.forkChild
  )
  const stageSeconds = yield* whileRunning(all, untilAllThrough(startedAt))
  const readyAt = yield* Fiber.join(ready)
  const servicesCpu = yield* perStage((name) => cpuSeconds(services[name].pid))
  const cpuAfter = yield* serversCpu(servers)
  const memory = yield* perStage((name) => peakMemory(services[name].pid))

  yield* stopAll(all)
  const walAfter = yield* onDatabase(databaseUrl, writtenAhead)
  const measured: BackfillMeasured = {
    seconds: stageSeconds.cdm,
    secondsFromReady: stageSeconds.cdm - (readyAt - startedAt) / 1_000,
    stageSeconds,
    cpu: {
      ...servicesCpu,
      postgres: cpuAfter.postgres - cpuBefore.postgres,
      kafka: cpuAfter.kafka - cpuBefore.kafka,
      redis: cpuAfter.redis - cpuBefore.redis
    },
    peakMemory: memory,
    writtenAheadMib: (walAfter - walBefore) / 1_048_576,
    databaseMib: (yield* onDatabase(databaseUrl, databaseSize)) / 1_048_576
  }
  return measured
})
