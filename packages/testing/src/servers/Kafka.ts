/** A real Kafka broker: the one `KAFKA_BROKERS` names, else Kafka 4.4 of our own, broker and controller in one JVM. */
import { Effect, Option } from "effect"
import type { Scope } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Certificates } from "./certificates.ts"
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
  /** `127.0.0.1:port`, as in `KAFKA_BROKERS`; `localhost:port` of one that is secured. */
  readonly brokers: string
}

/** TLS with SASL for clients, and nobody may do anything that no ACL allows. */
export interface KafkaSecurity {
  readonly certificates: Certificates
  /** Passwords by user, for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly users: Readonly<Record<string, string>>
  /** Users who may do everything. */
  readonly superUsers?: ReadonlyArray<string>
}

export interface SecuredKafkaServer extends KafkaServer {
  /** Without TLS and SASL, as a user who may do everything: for the hands of an administrator. */
  readonly administration: string
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
  readonly plaintext: number
  /** Where its clients are told to connect: another one's for a broker behind a proxy. */
  readonly advertised: number
  readonly controller: number
}

const mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"]

/** The listener of clients. Whoever comes by another one is nobody, and may do everything. */
const securityProperties = (keystore: string, { superUsers = [], users }: KafkaSecurity): ReadonlyArray<string> => {
  const credentials = Object.entries(users).map(([user, password]) => `user_${user}="${password}"`)
  const jaas = (mechanism: string, module: string, options = "") =>
    `listener.name.clients.${mechanism}.sasl.jaas.config=org.apache.kafka.common.security.${module} required ${options};`
  return [
    `listener.name.clients.ssl.keystore.type=PEM`,
    `listener.name.clients.ssl.keystore.location=${keystore}`,
    `listener.name.clients.sasl.enabled.mechanisms=PLAIN,${mechanisms.join(",")}`,
    jaas("plain", "plain.PlainLoginModule", credentials.join(" ")),
    ...mechanisms.map((mechanism) => jaas(mechanism.toLowerCase(), "scram.ScramLoginModule")),
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    `super.users=${["ANONYMOUS", ...superUsers].map((user) => `User:${user}`).join(";")}`
  ]
}

/**
 * Threads as the manifests in `k8s/` give the broker, so that it is measured as it is deployed. On two cores more of them
 * only hand requests to each other.
 */
export const deployedBrokerSettings = { "num.network.threads": "1", "num.io.threads": "2" }

/** One broker of several: each knows where all controllers listen. */
interface Place {
  readonly node: number
  readonly controllers: ReadonlyArray<number>
}

/** Let a test choose the leaders of partitions: the first of the replicas leads, a second later. */
const chosenLeaders = ["leader.imbalance.check.interval.seconds=1", "leader.imbalance.per.broker.percentage=0"]

const properties = (
  folder: string,
  { advertised, controller, plaintext }: Ports,
  { controllers, node }: Place,
  clients?: number
): string => {
  const replication = controllers.length
  // What a record needs to be acknowledged: of three brokers one may be away.
  const inSync = Math.floor(replication / 2) + 1
  return (
    [
      "process.roles=broker,controller",
      `node.id=${node}`,
      `controller.quorum.voters=${controllers.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join(",")}`,
      `listeners=PLAINTEXT://127.0.0.1:${plaintext},CONTROLLER://127.0.0.1:${controller}` +
        (clients === undefined ? "" : `,CLIENTS://127.0.0.1:${clients}`),
      `advertised.listeners=PLAINTEXT://127.0.0.1:${advertised}` +
        (clients === undefined ? "" : `,CLIENTS://localhost:${clients}`),
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENTS:SASL_SSL",
      "controller.listener.names=CONTROLLER",
      "inter.broker.listener.name=PLAINTEXT",
      `log.dirs=${join(folder, "data")}`,
      "num.partitions=6",
      `default.replication.factor=${replication}`,
      `min.insync.replicas=${inSync}`,
      `offsets.topic.replication.factor=${replication}`,
      `transaction.state.log.replication.factor=${replication}`,
      `transaction.state.log.min.isr=${inSync}`,
      `share.coordinator.state.topic.replication.factor=${replication}`,
      `share.coordinator.state.topic.min.isr=${inSync}`,
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
      "log.retention.ms=-1",
      // 128 MiB unless told, which a small heap does not have.
      "log.cleaner.dedupe.buffer.size=8388608",
      ...(replication > 1 ? chosenLeaders : []),
      ...Object.entries(deployedBrokerSettings).map(([name, value]) => `${name}=${value}`)
    ].join("\n") + "\n"
  )
}

/** ApiVersions, version 0, correlation id 77: the one request every broker answers. Source: Kafka protocol guide. */
const apiVersions = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 77, 0xff, 0xff])
const isApiVersions = (received: Buffer): boolean => received.length >= 8 && received.readInt32BE(4) === 77

interface OwnKafka {
  readonly plaintext: number
  readonly advertised?: number
  readonly secured?: KafkaSecurity
  /** The only broker unless told. */
  readonly place?: Place
  readonly heapMegabytes?: number
}

const kafkaOfOurOwn = Effect.fnUntraced(function* ({
  plaintext,
  advertised = plaintext,
  heapMegabytes = 512,
  place,
  secured
}: OwnKafka): Effect.fn.Return<SecuredKafkaServer, ServerMissing | ServerFailed, Scope.Scope> {
  const java = yield* findJava
  const jars = yield* fetchedByMaven({
    server: "kafka",
    name: "kafka-4.4.0",
    goal: ["dependency:copy-dependencies"],
    install
  })
  const guard = yield* makeGuard({ prefix: "kafka", signal: "KILL" })
  const { controllers, node } = place ?? { controllers: [yield* freePort], node: 1 }
  const controller = controllers[node - 1] ?? (yield* freePort)
  const ports = { plaintext, advertised, controller }
  const clients = secured === undefined ? undefined : yield* freePort
  const configuration = join(guard.folder, "server.properties")
  const keystore = join(guard.folder, "server.pem")
  yield* Effect.promise(async () => {
    const security = secured === undefined ? [] : securityProperties(keystore, secured)
    await writeFile(
      configuration,
      properties(guard.folder, ports, { controllers, node }, clients) + security.join("\n")
    )
    if (secured !== undefined) await writeFile(keystore, secured.certificates.key + secured.certificates.certificate)
  })
  const jvm = [
    `-Xms${heapMegabytes}m`,
    `-Xmx${heapMegabytes}m`,
    // On two cores the optimizing compiler takes more than it gives back in the first hundred thousand records, and a
    // heap of this size needs no collector with threads of its own.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-cp",
    join(jars, "*")
  ]
  // Any 16 bytes in base64url are a cluster id.
  const clusterId = Buffer.from("metka-test-kafka").toString("base64url")
  const scram = Object.entries(secured?.users ?? {}).flatMap(([user, password]) =>
    mechanisms.flatMap((mechanism) => ["--add-scram", `${mechanism}=[name=${user},password=${password}]`])
  )
  const format = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", configuration, ...scram]
  yield* run(java, [...jvm, ...format], { guard }).pipe(
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
    answers: probe({ port: ports.plaintext, question: apiVersions, isAnswer: isApiVersions })
  })
  const administration = `127.0.0.1:${advertised}`
  return { ...server, brokers: clients === undefined ? administration : `localhost:${clients}`, administration }
})

/**
 * A broker of our own that a test may stop and kill, whatever the environment says. Topics are created on first use
 * with 6 partitions, replication is 1, nothing expires.
 */
export const ownKafkaServer: Effect.Effect<KafkaServer, ServerMissing | ServerFailed, Scope.Scope> = Effect.flatMap(
  freePort,
  (plaintext) => kafkaOfOurOwn({ plaintext })
)

/**
 * A broker, and a proxy through which everybody comes, other brokers too: a broker tells them where to connect.
 */
export interface KafkaServerBehindProxy extends KafkaServer {
  readonly proxy: TcpProxy
}

/**
 * Brokers that keep each partition, so that each can be taken away from clients who name them all; a record is
 * acknowledged when most of them have it. Each is behind a proxy of its own.
 */
export const ownKafkaCluster = Effect.fnUntraced(function* (
  brokers: number
): Effect.fn.Return<ReadonlyArray<KafkaServerBehindProxy>, ServerMissing | ServerFailed, Scope.Scope> {
  const ports = yield* Effect.all(Array.from({ length: brokers }, () => Effect.all([freePort, freePort])))
  const controllers = ports.map(([controller]) => controller)
  // The only one is as it is deployed; several share the machine.
  const heapMegabytes = brokers === 1 ? 512 : 160
  // None answers before most of the controllers are there.
  return yield* Effect.forEach(
    ports,
    Effect.fnUntraced(function* ([, plaintext], index) {
      const proxy = yield* tcpProxy(plaintext)
      const place = { controllers, node: index + 1 }
      return { ...(yield* kafkaOfOurOwn({ plaintext, advertised: proxy.port, place, heapMegabytes })), proxy }
    }),
    { concurrency: "unbounded" }
  )
})

/** The same, whose clients come over TLS, log in, and may do what an ACL says. */
export const securedKafkaServer = (
  secured: KafkaSecurity
): Effect.Effect<SecuredKafkaServer, ServerMissing | ServerFailed, Scope.Scope> =>
  Effect.flatMap(freePort, (plaintext) => kafkaOfOurOwn({ plaintext, secured }))

/** The brokers of `KAFKA_BROKERS`, else of a broker of our own. */
export const kafkaServer: Effect.Effect<{ readonly brokers: string }, ServerMissing | ServerFailed, Scope.Scope> =
  Effect.flatMap(fromEnvironment("KAFKA_BROKERS"), (brokers) =>
    Option.isSome(brokers) ? Effect.succeed({ brokers: brokers.value }) : ownKafkaServer
  )
