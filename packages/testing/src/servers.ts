/**
 * Real Kafka, Redis and PostgreSQL for tests and benchmarks: on free loopback ports, in temporary folders, gone with
 * the scope. They wait in real time: under `it.effect` the test clock would hold them forever, use `it.live`.
 */
export { type Certificates, makeCertificates } from "./servers/certificates.ts"
export { collectorExecutable, type CollectorServer, ownCollectorServer } from "./servers/Collector.ts"
export { freePort } from "./servers/freePort.ts"
export { freshDatabase } from "./servers/freshDatabase.ts"
export {
  deployedBrokerSettings,
  kafkaServer,
  type KafkaServer,
  ownKafkaCluster,
  ownKafkaServer,
  securedKafkaServer
} from "./servers/Kafka.ts"
export {
  deployedSettings,
  ownPostgresServer,
  postgresServer,
  type PostgresServer,
  securedPostgresServer
} from "./servers/Postgres.ts"
export { ownPrometheusServer, prometheusExecutable, type PrometheusServer } from "./servers/Prometheus.ts"
export { ownRedisServer, redisServer, type RedisServer, securedRedisServer } from "./servers/Redis.ts"
export { ServerFailed, ServerMissing, ServerName } from "./servers/ServerErrors.ts"
export type { ServerProcess } from "./servers/ServerProcess.ts"
export { type TcpProxy, tcpProxy } from "./servers/TcpProxy.ts"
