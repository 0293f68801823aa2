/** One measurement from nothing: servers of our own, the week, the history, the baseline, the comparison. */
import { applyRules } from "@metka/cdm/ApplyRules"
import { demoRules } from "@metka/cli/demo/demoRules"
import { demoWeek } from "@metka/cli/demo/demoWeek"
import { sundayEvening } from "@metka/cli/demo/rhythm"
import * as KafkaJs from "@metka/core/KafkaJs"
import * as RedisReferenceData from "@metka/core/RedisReferenceData"
import { Topology } from "@metka/core/Topology"
import { freshDatabase, ownKafkaServer, ownPostgresServer, ownRedisServer } from "@metka/testing/servers"
import { ConfigProvider, Console, Data, Effect, Layer, Option } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { measureBaseline } from "./baseline.ts"
import { onDatabase, serverVersion } from "./database.ts"
import { measureHistory } from "./history.ts"
import { loadReferences, publishOrders, writeFiles } from "./input.ts"
import { compareMarts, leftovers } from "./marts.ts"
import { runToEnd } from "./ServiceProcess.ts"
import { createStatementStats, requireStatementStats, statementStats } from "./statementStats.ts"

/** The services and the baseline do not say the same, so no figure of this run means anything. */
export class ResultsDiffer extends Data.TaggedError("ResultsDiffer")<{ readonly message: string }> {}

export interface RoundOptions {
  readonly orders: number
  readonly seed: number
  /** A folder for CPU profiles of the services and PostgreSQL's dearest statements. */
  readonly profileTo: string | undefined
}

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "metka-bench-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

const say = (text: string) => Console.error(`  ${text}`)

const startServers = Effect.gen(function* () {
  const [kafka, redis, postgres] = yield* Effect.all([ownKafkaServer, ownRedisServer, ownPostgresServer], {
    concurrency: "unbounded"
  })
  return { kafka, redis, postgres }
})

const assertPid = (pid: Option.Option<number>) =>
  Option.isSome(pid) ? Effect.succeed(pid.value) : Effect.die("a server has gone")

/** Fails with `ResultsDiffer` when the marts of both ways are not the same. */
export const measureRound = Effect.fnUntraced(function* (options: RoundOptions) {
  const folder = yield* temporaryFolder
  yield* say("starting Kafka, Redis and PostgreSQL")
  const { kafka, postgres, redis } = yield* startServers
  if (options.profileTo !== undefined) {
    yield* onDatabase(postgres.url, requireStatementStats)
    yield* postgres.restart
  }
  const databaseUrl = yield* freshDatabase(postgres.url)
  const environment = { KAFKA_BROKERS: kafka.brokers, REDIS_URL: redis.url, DATABASE_URL: databaseUrl }

  yield* say(`making ${options.orders} orders, filling Redis and the orders topic`)
  const week = demoWeek({ orders: options.orders, seed: options.seed, endsAt: sundayEvening })
  yield* runToEnd({
    name: "migrate",
    script: "dist/metka.mjs",
    args: ["migrate"],
    env: environment,
    logFile: join(folder, "migrate.log")
  })
  yield* onDatabase(databaseUrl, applyRules(demoRules))
  if (options.profileTo !== undefined) yield* onDatabase(databaseUrl, createStatementStats)
  const files = yield* writeFiles(week, folder)
  const clients = Layer.mergeAll(KafkaJs.layer, RedisReferenceData.layer, Topology.layerDefault()).pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))
  )

  const { history, publishSeconds } = yield* Effect.gen(function* () {
    yield* loadReferences(week)
    const publishSeconds = yield* publishOrders(week)
    yield* say("the history through stg, dds and cdm")
    const servers = {
      brokers: kafka.brokers,
      redisUrl: redis.url,
      databaseUrl,
      kafkaPid: yield* Effect.flatMap(kafka.pid, assertPid),
      redisPid: yield* Effect.flatMap(redis.pid, assertPid),
      postgresPid: yield* Effect.flatMap(postgres.pid, assertPid)
    }
    return { history: yield* measureHistory(servers, { folder, profileTo: options.profileTo }), publishSeconds }
  }).pipe(Effect.provide(clients))
  if (options.profileTo !== undefined) {
    const stats = yield* onDatabase(databaseUrl, statementStats)
    const { profileTo } = options
    yield* Effect.promise(() => writeFile(join(profileTo, "statements.txt"), stats))
  }

  yield* say("the baseline: one COPY and set-based SQL")
  const baselineUrl = yield* freshDatabase(postgres.url)
  const postgresPid = yield* Effect.flatMap(postgres.pid, assertPid)
  const baseline = yield* measureBaseline(baselineUrl, postgresPid, files)

  yield* say("comparing counters and tags")
  const comparison = yield* compareMarts(databaseUrl, baselineUrl)
  const differences = [...(yield* onDatabase(databaseUrl, leftovers)), ...comparison.differences]
  if (differences.length > 0) {
    yield* Effect.forEach(differences, say, { discard: true })
    return yield* new ResultsDiffer({ message: "the services and the baseline differ, as listed above" })
  }
  return {
    messages: week.messageCount,
    publishSeconds,
    history,
    baseline,
    rows: comparison.rows,
    postgresVersion: yield* onDatabase(postgres.url, serverVersion)
  }
})

export type RoundMeasured = Effect.Success<ReturnType<typeof measureRound>>
