/**
 * The servers of a benchmark, started once: a broker in production has been up for long, so its JIT compiler must have
 * seen the work before anything is measured. Each measurement gets a database, topics and consumer groups of its own.
 */
import { applyRules } from "@metka/cdm/ApplyRules"
import { demoRules } from "@metka/cli/demo/demoRules"
import * as KafkaJs from "@metka/core/KafkaJs"
import * as RedisReferenceData from "@metka/core/RedisReferenceData"
import { Topology } from "@metka/core/Topology"
import { freshDatabase, ownKafkaServer, ownPostgresServer, ownRedisServer } from "@metka/testing/servers"
import { ConfigProvider, Data, Effect, Layer, Option } from "effect"
import { Kafka, logLevel } from "kafkajs"
import { join } from "node:path"
import { onDatabase } from "./database.ts"
import { cpuSeconds } from "./processUsage.ts"
import { runToEnd } from "./ServiceProcess.ts"
import { requireStatementStats } from "./statementStats.ts"

/** A server that was started is not there any more. */
export class ServerGone extends Data.TaggedError("ServerGone")<{ readonly message: string }> {}

const pidOf = (server: string, pid: Effect.Effect<Option.Option<number>>) =>
  Effect.flatMap(
    pid,
    Option.match({
      onNone: () =>
        Effect.fail(new ServerGone({ message: `${server} has ended by itself: start the benchmark again` })),
      onSome: Effect.succeed
    })
  )

export interface Servers {
  readonly brokers: string
  readonly redisUrl: string
  readonly postgresUrl: string
  readonly pids: Readonly<Record<"kafka" | "redis" | "postgres", number>>
}

/** @param options `statementStats` makes PostgreSQL count what each statement costs, which costs a little */
export const startServers = Effect.fnUntraced(function* (options: { readonly statementStats: boolean }) {
  const [kafka, redis, postgres] = yield* Effect.all([ownKafkaServer, ownRedisServer, ownPostgresServer], {
    concurrency: "unbounded"
  })
  if (options.statementStats) {
    yield* onDatabase(postgres.url, requireStatementStats)
    yield* postgres.restart
  }
  const servers: Servers = {
    brokers: kafka.brokers,
    redisUrl: redis.url,
    postgresUrl: postgres.url,
    pids: {
      kafka: yield* pidOf("Kafka", kafka.pid),
      redis: yield* pidOf("Redis", redis.pid),
      postgres: yield* pidOf("PostgreSQL", postgres.pid)
    }
  }
  return servers
})

/** CPU-seconds of each server so far. */
export const serversCpu = ({ pids }: Servers) =>
  Effect.all({ kafka: cpuSeconds(pids.kafka), redis: cpuSeconds(pids.redis), postgres: cpuSeconds(pids.postgres) })

/** A new database as `npm run migrate` leaves it, with the demo's tag rules; dropped with the scope. */
export const migratedDatabase = Effect.fnUntraced(function* (servers: Servers, folder: string) {
  const databaseUrl = yield* freshDatabase(servers.postgresUrl)
  yield* runToEnd({
    name: "migrate",
    env: { DATABASE_URL: databaseUrl },
    logFile: join(folder, "migrate.log")
  })
  yield* onDatabase(databaseUrl, applyRules(demoRules))
  return databaseUrl
})

/** What one measurement has for itself. */
export interface Workplace {
  /** For the services. */
  readonly environment: Readonly<Record<string, string>>
  readonly databaseUrl: string
}

/** A broker in production has Metka's topics and no others, and tells whoever asks of all that it has. */
const deleteTopics = (brokers: string, prefix: string) =>
  Effect.promise(async () => {
    const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
    if (topics.length > 0) await admin.deleteTopics({ topics })
    await admin.disconnect()
  })

let workplaces = 0

/**
 * Gone with the scope.
 * @param folder for logs
 */
export const makeWorkplace = Effect.fnUntraced(function* (servers: Servers, folder: string) {
  const databaseUrl = yield* migratedDatabase(servers, folder)
  const prefix = `bench-${++workplaces}`
  yield* Effect.addFinalizer(() => deleteTopics(servers.brokers, `${prefix}.`))
  const workplace: Workplace = {
    databaseUrl,
    environment: {
      KAFKA_BROKERS: servers.brokers,
      REDIS_URL: servers.redisUrl,
      DATABASE_URL: databaseUrl,
      TOPIC_ORDERS: `${prefix}.orders`,
      TOPIC_STG_ORDERS: `${prefix}.stg-orders`,
      TOPIC_CDM_STATS: `${prefix}.cdm-stats`,
      TOPIC_GUEST_TAGS: `${prefix}.guest-tags`,
      GROUP_STG: `${prefix}.stg`,
      GROUP_DDS: `${prefix}.dds`,
      GROUP_CDM: `${prefix}.cdm`
    }
  }
  return workplace
})

/** Our own way to the servers of a workplace: to fill them and to look at them. */
export const clientsOf = ({ environment }: Workplace) =>
  Layer.mergeAll(KafkaJs.layer, RedisReferenceData.layer, Topology.layer).pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))
  )
