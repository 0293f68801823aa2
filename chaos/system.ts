/** Everything that a run of chaos needs: servers of its own behind proxies, replicas of the services, a source. */
import type { MessyStream } from "@metka/testing/messyStream/messyStream"
import { loadReferences } from "@metka/testing/againstOracle"
import type { Environment } from "@metka/testing/processes"
import { applyRulesFile, clientsOf, freshEnvironment } from "@metka/testing/processSystem"
import {
  ownKafkaCluster,
  ownPostgresServer,
  ownRedisServer,
  type ServerProcess,
  type TcpProxy,
  tcpProxy
} from "@metka/testing/servers"
import { Effect } from "effect"
import { type Fleet, startFleet } from "./Fleet.ts"
import { brokerNames, type ServerName } from "./plan.ts"

/** What is sent, and what else the system has to know of it. */
export type Source = Pick<MessyStream, "deliveries" | "initialReferences" | "lateReferences" | "rules">

export interface SystemOptions {
  readonly source: Source
  /** Of each service. */
  readonly replicas: number
  /** Of Kafka; each partition is kept by all of them. */
  readonly brokers: number
}

interface ReachedServer extends ServerProcess {
  /** The services' only way to it; of several brokers, their way to each other too. */
  readonly proxy: TcpProxy
}

export interface System {
  /** Of the command line, which does not come through the proxies. */
  readonly environment: Environment
  readonly servers: {
    readonly kafka: ReadonlyArray<ReachedServer>
    readonly redis: ReachedServer
    readonly postgres: ReachedServer
  }
  readonly fleet: Fleet
  readonly source: Source
  /** Clients that do not come through the proxies, where the server lets them. */
  readonly clients: ReturnType<typeof clientsOf>
}

export const serverNamed = ({ servers }: System, name: ServerName): ReachedServer => {
  if (name === "redis" || name === "postgres") return servers[name]
  const broker = servers.kafka[brokerNames(servers.kafka.length).indexOf(name)]
  if (broker === undefined) throw new RangeError(`no broker ${name}`)
  return broker
}

const throughProxy = Effect.fnUntraced(function* (address: string) {
  const url = new URL(address)
  const proxy = yield* tcpProxy(Number(url.port))
  url.port = String(proxy.port)
  return { proxy, url: url.href }
})

/** Migrated, with rules and the references that are known at first; nothing is sent yet. Ends with the scope. */
export const startSystem = Effect.fnUntraced(function* ({ brokers, replicas, source }: SystemOptions) {
  const [kafka, redis, postgres] = yield* Effect.all([ownKafkaCluster(brokers), ownRedisServer, ownPostgresServer], {
    concurrency: "unbounded"
  })
  const toRedis = yield* throughProxy(redis.url)
  const toPostgres = yield* throughProxy(postgres.url)
  const ofServers = yield* freshEnvironment({
    brokers: kafka.map((broker) => broker.brokers).join(","),
    redisUrl: redis.url,
    databaseUrl: postgres.url
  })
  const direct = { ...ofServers, KAFKA_TOPIC_REPLICATION: String(brokers) }
  yield* applyRulesFile(direct, source.rules)
  const clients = clientsOf(direct)
  yield* Effect.provide(loadReferences(source.initialReferences), clients)
  const fleet = yield* startFleet({ ...direct, REDIS_URL: toRedis.url, DATABASE_URL: toPostgres.url }, replicas)
  const system: System = {
    environment: direct,
    servers: {
      kafka,
      redis: { ...redis, proxy: toRedis.proxy },
      postgres: { ...postgres, proxy: toPostgres.proxy }
    },
    fleet,
    source,
    clients
  }
  return system
})
