/** The history through the three services, each a process of its own, from an orders topic that is full already. */
import { Kafka } from "@metka/core/Kafka"
import { Topology } from "@metka/core/Topology"
import { freePort } from "@metka/testing/servers"
import { Data, Effect, Fiber } from "effect"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { checkpoint, databaseSize, onDatabase, writtenAhead } from "./database.ts"
import { cpuSeconds, peakMemory } from "./processUsage.ts"
import { type ServiceProcess, startService } from "./ServiceProcess.ts"

const stages = ["stg", "dds", "cdm"] as const
export type StageName = (typeof stages)[number]

export class HistoryStalled extends Data.TaggedError("HistoryStalled")<{ readonly message: string }> {}

const pollEvery = "100 millis"
/** No record committed by any stage for so long: something is wrong, and waiting on would hide it. */
const stalledAfterMillis = 60_000

export interface HistoryServers {
  readonly brokers: string
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly postgresPid: number
  readonly kafkaPid: number
  readonly redisPid: number
}

/** Seconds, CPU-seconds, MiB as the names say. */
export interface HistoryMeasured {
  /** From starting the processes until the marts have everything. */
  readonly seconds: number
  /** The same from the moment at which the first of the services was ready. */
  readonly secondsFromReady: number
  /** From starting the processes until the stage had committed its last record. */
  readonly stageSeconds: Readonly<Record<StageName, number>>
  readonly cpu: Readonly<Record<StageName | "postgres" | "kafka" | "redis", number>>
  readonly peakMemory: Readonly<Record<StageName, number>>
  readonly writtenAheadMib: number
  readonly databaseMib: number
}

const seconds = (since: number): number => (performance.now() - since) / 1_000

const isReady = (port: number) =>
  Effect.promise((signal) =>
    fetch(`http://127.0.0.1:${port}/health/ready`, { signal }).then(
      ({ status }) => status === 200,
      () => false
    )
  )

const untilReady = (port: number) =>
  isReady(port).pipe(
    Effect.flatMap((ready) => (ready ? Effect.succeed(true) : Effect.as(Effect.sleep("20 millis"), false))),
    Effect.repeat({ until: (ready) => ready })
  )

const left = Effect.fnUntraced(function* (topic: string, group: string) {
  const partitions = yield* (yield* Kafka).lag(topic, group)
  return partitions.reduce((sum, { committed, end }) => sum + end - committed, 0)
})

/** A stage publishes before it commits: one without lag has sent all it will, once the one before it is done. */
const followStages = Effect.fnUntraced(function* (startedAt: number) {
  const topology = yield* Topology
  const inputs = {
    stg: [topology.orders, topology.groupStg],
    dds: [topology.stgOrders, topology.groupDds],
    cdm: [topology.cdmStats, topology.groupCdm]
  } as const
  const done: Partial<Record<StageName, number>> = {}
  let lastSeen = ""
  let lastChange = performance.now()
  for (;;) {
    const lags: Array<number> = []
    let isBeforeDone = true
    for (const stage of stages) {
      const lag = done[stage] === undefined ? yield* left(...inputs[stage]) : 0
      lags.push(lag)
      if (isBeforeDone && lag === 0) done[stage] ??= seconds(startedAt)
      else isBeforeDone = false
    }
    if (done.stg !== undefined && done.dds !== undefined && done.cdm !== undefined) {
      return { stg: done.stg, dds: done.dds, cdm: done.cdm }
    }
    const seen = lags.join()
    if (seen !== lastSeen) {
      lastSeen = seen
      lastChange = performance.now()
    } else if (performance.now() - lastChange > stalledAfterMillis) {
      return yield* new HistoryStalled({ message: `nothing moves; records left before stg, dds, cdm: ${seen}` })
    }
    yield* Effect.sleep(pollEvery)
  }
})

const serverCpu = Effect.fnUntraced(function* ({ kafkaPid, postgresPid, redisPid }: HistoryServers) {
  return {
    postgres: yield* cpuSeconds(postgresPid),
    kafka: yield* cpuSeconds(kafkaPid),
    redis: yield* cpuSeconds(redisPid)
  }
})

const ofEach = <A, E, R>(services: ReadonlyArray<ServiceProcess>, read: (pid: number) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const [stg, dds, cdm] = yield* Effect.forEach(services, ({ pid }) => read(pid))
    if (stg === undefined || dds === undefined || cdm === undefined) return yield* Effect.die("three services expected")
    return { stg, dds, cdm }
  })

/**
 * Measures one run. The database is migrated, Redis and the orders topic are full, nobody has consumed anything.
 * @param options `folder` for logs; `profileTo` makes every service write a CPU profile there, which costs some speed
 */
export const measureHistory = Effect.fnUntraced(function* (
  servers: HistoryServers,
  options: { readonly folder: string; readonly profileTo: string | undefined }
) {
  const ports = yield* Effect.all(stages.map(() => freePort))
  yield* onDatabase(servers.databaseUrl, checkpoint)
  const walBefore = yield* onDatabase(servers.databaseUrl, writtenAhead)
  const cpuBefore = yield* serverCpu(servers)
  const profile = (name: string) => {
    if (options.profileTo === undefined) return []
    mkdirSync(options.profileTo, { recursive: true })
    return ["--cpu-prof", `--cpu-prof-dir=${options.profileTo}`, `--cpu-prof-name=${name}.cpuprofile`]
  }

  const startedAt = performance.now()
  const services = yield* Effect.forEach(stages, (name, index) =>
    startService({
      name,
      script: `dist/${name}.mjs`,
      nodeArgs: profile(name),
      env: {
        KAFKA_BROKERS: servers.brokers,
        REDIS_URL: servers.redisUrl,
        DATABASE_URL: servers.databaseUrl,
        HTTP_PORT: String(ports[index])
      },
      logFile: join(options.folder, `${name}.log`)
    })
  )
  const ready = yield* Effect.raceAll(ports.map(untilReady)).pipe(
    Effect.andThen(Effect.sync(() => performance.now())),
    Effect.forkChild
  )
  const stageSeconds = yield* Effect.raceAllFirst([
    followStages(startedAt),
    ...services.map(({ endsEarly }) => endsEarly)
  ])
  const readyAt = yield* Fiber.join(ready)
  const servicesCpu = yield* ofEach(services, cpuSeconds)
  const cpuAfter = yield* serverCpu(servers)
  const memory = yield* ofEach(services, peakMemory)

  yield* Effect.forEach(services, ({ stop }) => stop, { concurrency: "unbounded" })
  const walAfter = yield* onDatabase(servers.databaseUrl, writtenAhead)
  const measured: HistoryMeasured = {
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
    databaseMib: (yield* onDatabase(servers.databaseUrl, databaseSize)) / 1_048_576
  }
  return measured
})
