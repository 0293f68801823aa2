/** A real Kafka broker: the one `KAFKA_BROKERS` names, else Kafka 4.4 of our own, broker and controller in one JVM. */
import { Effect, Option } from "effect"
import type { Scope } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { isExecutable, onPath, run } from "./command.ts"
import { fromEnvironment } from "./environment.ts"
import { freePort } from "./freePort.ts"
import { makeGuard } from "./Guard.ts"
import { fetchedByMaven } from "./Maven.ts"
import { probe } from "./probe.ts"
import { ServerFailed, ServerMissing } from "./ServerErrors.ts"
import { type ServerProcess, startServerProcess } from "./ServerProcess.ts"
import { type TcpProxy, tcpProxy } from "./TcpProxy.ts"

export interface KafkaServer extends ServerProcess {
  /** `127.0.0.1:port`, as in `KAFKA_BROKERS`. */
  readonly brokers: string
}

const install =
  "Install Java 17 or newer and Maven (Debian: apt-get install openjdk-17-jre-headless maven), " +
  "or name a running broker in KAFKA_BROKERS."

const findJava = Effect.gen(function* () {
  const home = process.env["JAVA_HOME"]
  const ofHome = home === undefined || home === "" ? undefined : join(home, "bin", "java")
  const java = ofHome !== undefined && isExecutable(ofHome) ? ofHome : onPath("java")
  if (java === undefined) {
    return yield* new ServerMissing({ server: "kafka", missing: "no java on PATH or in JAVA_HOME", install })
  }
  const output = yield* run(java, ["-version"]).pipe(Effect.catch((error) => Effect.succeed(error.output)))
  const version = /version "(\d+)/.exec(output)?.[1]
  if (version === undefined || Number(version) < 17) {
    return yield* new ServerMissing({
      server: "kafka",
      missing: `${java} is ${version === undefined ? "of an unknown version" : `Java ${version}`}, Kafka needs 17`,
      install
    })
  }
  return java
})

interface Ports {
  readonly port: number
  /** Where clients are told to connect: another one's for a broker behind a proxy. */
  readonly advertisedPort: number
}

const properties = (folder: string, { advertisedPort, port }: Ports, controllerPort: number): string =>
  [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${advertisedPort}`,
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names=CONTROLLER",
    "inter.broker.listener.name=PLAINTEXT",
    `log.dirs=${join(folder, "data")}`,
    "num.partitions=6",
    "default.replication.factor=1",
    "min.insync.replicas=1",
    "offsets.topic.replication.factor=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "share.coordinator.state.topic.replication.factor=1",
    "share.coordinator.state.topic.min.isr=1",
    // A single broker creates each partition of the internal topics on the first consumer's time.
    "offsets.topic.num.partitions=4",
    "transaction.state.log.num.partitions=4",
    "group.initial.rebalance.delay.ms=0",
    // After a SIGKILL the controller takes the broker back only when the dead one's session has run out, 9 s by default.
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
    // Lets a test see a dead consumer's partitions move within seconds.
    "group.min.session.timeout.ms=1000",
    // Records may carry the business time of years ago: retention would delete them in the middle of a run.
    "log.retention.ms=-1"
  ].join("\n") + "\n"

/** ApiVersions, version 0, correlation id 77: the one request every broker answers. Source: Kafka protocol guide. */
const apiVersions = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 77, 0xff, 0xff])
const isApiVersions = (received: Buffer): boolean => received.length >= 8 && received.readInt32BE(4) === 77

const startKafka = Effect.fnUntraced(function* (
  ports: Ports
): Effect.fn.Return<KafkaServer, ServerMissing | ServerFailed, Scope.Scope> {
  const java = yield* findJava
  const jars = yield* fetchedByMaven({
    server: "kafka",
    name: "kafka-4.4.0",
    goal: ["dependency:copy-dependencies"],
    install
  })
  const guard = yield* makeGuard({ prefix: "kafka", signal: "KILL" })
  const controllerPort = yield* freePort
  const configuration = join(guard.folder, "server.properties")
  yield* Effect.promise(() => writeFile(configuration, properties(guard.folder, ports, controllerPort)))
  const jvm = [
    "-Xms512m",
    "-Xmx512m",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-cp",
    join(jars, "*")
  ]
  // Any 16 bytes in base64url are a cluster id.
  const clusterId = Buffer.from("metka-test-kafka").toString("base64url")
  yield* run(java, [...jvm, "kafka.tools.StorageTool", "format", "-t", clusterId, "-c", configuration], {
    guard
  }).pipe(
    Effect.mapError(
      ({ output }) => new ServerFailed({ server: "kafka", problem: "could not format its storage", log: output })
    )
  )
  const server = yield* startServerProcess({
    server: "kafka",
    guard,
    executable: java,
    args: [...jvm, "kafka.Kafka", configuration],
    stopSignal: "SIGTERM",
    discardSignal: "SIGKILL",
    answers: probe({ port: ports.port, question: apiVersions, isAnswer: isApiVersions })
  })
  return { ...server, brokers: `127.0.0.1:${ports.advertisedPort}` }
})

/**
 * A broker of our own that a test may stop and kill, whatever the environment says. Topics are created on first use
 * with 6 partitions, replication is 1, nothing expires.
 */
export const ownKafkaServer: Effect.Effect<KafkaServer, ServerMissing | ServerFailed, Scope.Scope> = Effect.flatMap(
  freePort,
  (port) => startKafka({ port, advertisedPort: port })
)

/** The same behind a proxy, through which every client comes: a broker tells its clients where to connect. */
export const ownKafkaServerBehindProxy: Effect.Effect<
  KafkaServer & { readonly proxy: TcpProxy },
  ServerMissing | ServerFailed,
  Scope.Scope
> = Effect.gen(function* () {
  const port = yield* freePort
  const proxy = yield* tcpProxy(port)
  return { ...(yield* startKafka({ port, advertisedPort: proxy.port })), proxy }
})

/** The brokers of `KAFKA_BROKERS`, else of a broker of our own. */
export const kafkaServer: Effect.Effect<{ readonly brokers: string }, ServerMissing | ServerFailed, Scope.Scope> =
  Effect.flatMap(fromEnvironment("KAFKA_BROKERS"), (brokers) =>
    Option.isSome(brokers) ? Effect.succeed({ brokers: brokers.value }) : ownKafkaServer
  )
