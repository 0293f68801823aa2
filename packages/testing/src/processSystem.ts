/** The three services as processes: an environment that shares nothing with another one's, and clients of its servers. */
import * as Database from "@metka/core/Database"
import * as KafkaJs from "@metka/core/KafkaJs"
import * as RedisReferenceData from "@metka/core/RedisReferenceData"
import { Topology } from "@metka/core/Topology"
import { ConfigProvider, Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Environment, metka, type ServiceName, startService } from "./processes.ts"
import type { TagRule } from "./oracle/expectedTags.ts"
import { freePort } from "./servers.ts"

export const serviceNames: ReadonlyArray<ServiceName> = ["stg", "dds", "cdm"]

/** A folder for files, removed with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "metka-test-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** Topics and groups of its own on these servers, the schemas migrated by `metka migrate`. */
export const freshEnvironment = Effect.fnUntraced(function* (servers: {
  readonly brokers: string
  readonly redisUrl: string
  readonly databaseUrl: string
}) {
  const id = randomUUID().slice(0, 8)
  const env: Environment = {
    KAFKA_BROKERS: servers.brokers,
    REDIS_URL: servers.redisUrl,
    DATABASE_URL: servers.databaseUrl,
    TOPIC_ORDERS: `orders-${id}`,
    TOPIC_STG_ORDERS: `stg-orders-${id}`,
    TOPIC_CDM_STATS: `cdm-stats-${id}`,
    TOPIC_GUEST_TAGS: `guest-tags-${id}`,
    GROUP_STG: `stg-${id}`,
    GROUP_DDS: `dds-${id}`,
    GROUP_CDM: `cdm-${id}`
  }
  yield* metka(env, "migrate")
  return env
})

/** The test's own way to the servers of this environment. */
export const clientsOf = (env: Environment) =>
  Layer.mergeAll(Database.layer("metka test"), KafkaJs.layer, RedisReferenceData.layer, Topology.layer).pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
  )

/** Starts the three services and waits until they are ready. */
export const startServices = Effect.fnUntraced(function* (env: Environment) {
  const services = yield* Effect.forEach(
    serviceNames,
    (service) => Effect.flatMap(freePort, (port) => startService(service, env, port)),
    { concurrency: "unbounded" }
  )
  yield* Effect.forEach(services, ({ becomesReady }) => becomesReady, { discard: true })
  return services
})

const asWritten = ({ window, ...rule }: TagRule) =>
  window === undefined ? rule : { ...rule, window_days: window.days, exit_threshold: window.exitThreshold }

/** Makes the rules these, by `metka rules apply`. JSON is YAML. */
export const applyRulesFile = Effect.fnUntraced(function* (env: Environment, rules: ReadonlyArray<TagRule>) {
  const file = join(yield* temporaryFolder, "rules.yaml")
  yield* Effect.promise(() => writeFile(file, JSON.stringify({ rules: rules.map(asWritten) })))
  return yield* metka(env, "rules", "apply", file)
})
