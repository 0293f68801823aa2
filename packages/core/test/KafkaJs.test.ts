import { assert, describe, it, vi } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Layer } from "effect"
import { EventEmitter } from "node:events"
import { mkdtempSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { rootCertificates } from "node:tls"
import { Kafka } from "../src/Kafka.ts"
import * as KafkaJs from "../src/KafkaJs.ts"
import { kafkaError } from "../src/KafkaJsErrors.ts"
import { startMember } from "./kafkaContract.ts"

type Environment = Readonly<Record<string, string>>

const layerWith = (environment: Environment) =>
  KafkaJs.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...environment } }))))

const broker: Environment = { KAFKA_BROKERS: "127.0.0.1:9092" }
const ssl: Environment = { ...broker, KAFKA_SSL: "true" }
const scram: Environment = {
  ...broker,
  KAFKA_SASL_MECHANISM: "scram-sha-512",
  KAFKA_SASL_USERNAME: "metka",
  KAFKA_SASL_PASSWORD: "secret"
}

const authorityFile = join(mkdtempSync(join(tmpdir(), "metka-kafkajs-")), "ca.pem")
writeFileSync(authorityFile, rootCertificates[0] ?? "")

describe("The configuration of Kafka", () => {
  it.effect.each<{ readonly wrong: string; readonly environment: Environment; readonly says: RegExp }>([
    { wrong: "no broker", environment: {}, says: /KAFKA_BROKERS/ },
    { wrong: "an empty list", environment: { KAFKA_BROKERS: " , " }, says: /KAFKA_BROKERS is empty/ },
    { wrong: "a broker without a port", environment: { KAFKA_BROKERS: "a:1,kafka" }, says: /"kafka" is not host:port/ },
    { wrong: "a port that is none", environment: { KAFKA_BROKERS: "a:99999" }, says: /"a:99999" is not host:port/ },
    { wrong: "a URL", environment: { KAFKA_BROKERS: "kafka://a:9092" }, says: /not host:port/ },
    { wrong: "KAFKA_SSL neither true nor false", environment: { ...broker, KAFKA_SSL: "perhaps" }, says: /KAFKA_SSL/ },
    {
      wrong: "a CA file that is not there",
      environment: { ...ssl, KAFKA_SSL_CA_FILE: "/nonexistent/ca.pem" },
      says: /KAFKA_SSL_CA_FILE cannot be read: ENOENT/
    },
    {
      wrong: "a CA file without a certificate",
      environment: { ...ssl, KAFKA_SSL_CA_FILE: "/dev/null" },
      says: /\/dev\/null holds no certificate/
    },
    {
      wrong: "a CA file without TLS",
      environment: { ...broker, KAFKA_SSL_CA_FILE: "/etc/hostname" },
      says: /KAFKA_SSL is not true/
    },
    {
      wrong: "an unknown mechanism",
      environment: { ...scram, KAFKA_SASL_MECHANISM: "kerberos" },
      says: /must be plain, scram-sha-256 or scram-sha-512, not "kerberos"/
    },
    {
      wrong: "a mechanism without a password",
      environment: { ...scram, KAFKA_SASL_PASSWORD: "" },
      says: /KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must be set/
    },
    {
      wrong: "a password without a mechanism",
      environment: { ...scram, KAFKA_SASL_MECHANISM: "" },
      says: /KAFKA_SASL_MECHANISM is not/
    },
    {
      wrong: "no partition",
      environment: { ...broker, KAFKA_TOPIC_PARTITIONS: "0" },
      says: /KAFKA_TOPIC_PARTITIONS must be at least 1/
    },
    {
      wrong: "a replication that is no number",
      environment: { ...broker, KAFKA_TOPIC_REPLICATION: "three" },
      says: /KAFKA_TOPIC_REPLICATION/
    }
  ])("$wrong fails the start, and the message names the variable", ({ environment, says }) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(layerWith(environment)))
      assert.strictEqual(error._tag, "ConfigError")
      assert.match(error.message, says)
      assert.notInclude(error.message, "secret")
    })
  )

  it.effect.each<Environment>([
    broker,
    { KAFKA_BROKERS: "a:9092, b.example:9093" },
    { ...broker, KAFKA_SSL: "false", KAFKA_SSL_CA_FILE: "", KAFKA_SASL_MECHANISM: "" },
    ssl,
    { ...ssl, KAFKA_SSL_CA_FILE: authorityFile },
    scram,
    { ...scram, KAFKA_SASL_MECHANISM: "plain" }
  ])("%o builds the layer without a connection", (environment) => Effect.asVoid(Layer.build(layerWith(environment))))
})

/** A port on which nobody listens. */
const closedPort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

describe("KafkaJs.layer without a broker", () => {
  it.live(
    "fails operations as an outage, keeps consumers waiting, and closes within a second",
    () =>
      Effect.gen(function* () {
        const port = yield* closedPort
        const closing = { since: 0 }
        yield* Effect.gen(function* () {
          const kafka = yield* Kafka
          const member = yield* startMember({ topic: "orders", group: "stg", maxRecords: 10 })
          for (const operation of [kafka.ping, kafka.publish("orders", [{ key: "a", value: "b", headers: {} }])]) {
            const exit = yield* Effect.exit(operation)
            assert.strictEqual(exit._tag, "Failure")
            if (exit._tag === "Failure") assert.include(Cause.pretty(exit.cause), "ECONNREFUSED")
          }
          assert.strictEqual((yield* Effect.flip(kafka.lag("orders", "stg"))).reason._tag, "KafkaUnavailable")
          assert.isFalse(member.hasEnded())
          closing.since = performance.now()
        }).pipe(Effect.scoped, Effect.provide(layerWith({ KAFKA_BROKERS: `127.0.0.1:${port}` })))
        assert.isBelow(performance.now() - closing.since, 1_500)
      }),
    30_000
  )
})

const { createErrorFromCode }: { createErrorFromCode: (code: number) => Error } = createRequire(import.meta.url)(
  "kafkajs/src/protocol/error"
)

it("a timestamp that the broker does not take is an outage, and points at this machine's clock", () => {
  const { message, reason } = kafkaError("publish")(createErrorFromCode(32))
  assert.strictEqual(reason._tag, "KafkaUnavailable")
  assert.match(message, /out of acceptable range: this machine's clock is probably more than an hour ahead/)
})

it("a right that is missing is named with the topic or the group that it is about", () => {
  const about = { topic: "orders", group: "stg" }
  assert.match(kafkaError("consume", about)(createErrorFromCode(29)).message, /topic orders/)
  assert.match(kafkaError("consume", about)(createErrorFromCode(30)).message, /group stg/)
})

interface RequestQueue {
  readonly throttleCheckTimeoutId: unknown
  push(request: {
    entry: { correlationId: number; apiName: string; resolve(): void; reject(error: Error): void }
    expectResponse: boolean
    sendRequest(): void
    requestTimeout?: number
  }): void
  maybeThrottle(millis: number): void
  fulfillRequest(response: { correlationId: number; payload: Buffer; size: number }): void
  destroy(): void
}

interface ConsumerRunner {
  readonly consuming: boolean
  start(): Promise<void>
  stop(): Promise<void>
}

const silent = { namespace: () => silent, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const makeRequestQueue = (enforceRequestTimeout: boolean): RequestQueue => {
  const Queue: new (options: object) => RequestQueue = createRequire(import.meta.url)(
    "kafkajs/src/network/requestQueue"
  )
  return new Queue({
    instrumentationEmitter: new EventEmitter(),
    maxInFlightRequests: null,
    requestTimeout: 1_000,
    enforceRequestTimeout,
    clientId: "test",
    broker: "test",
    logger: silent
  })
}

describe("patches/kafkajs", () => {
  it("an idle connection has no timer running (kafkajs #1556, #1704, #1751)", () => {
    const queue = makeRequestQueue(false)
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
    assert.isNull(queue.throttleCheckTimeoutId)
    queue.maybeThrottle(1_000)
    queue.fulfillRequest({ correlationId: 2, payload: Buffer.alloc(0), size: 0 })
    assert.isNull(queue.throttleCheckTimeoutId)
    queue.destroy()
  })

  it("who leaves a group does not join it again, whatever the brokers answer meanwhile", async () => {
    const Runner: new (options: object) => ConsumerRunner = createRequire(import.meta.url)(
      "kafkajs/src/consumer/runner"
    )
    const fetched = Promise.withResolvers<ReadonlyArray<unknown>>()
    const said: Array<string> = []
    const runner = new Runner({
      logger: silent,
      instrumentationEmitter: new EventEmitter(),
      onCrash: () => said.push("crash"),
      consumerGroup: {
        connect: () => Promise.resolve(),
        joinAndSync: () => Promise.resolve(said.push("join")),
        isJoining: () => false,
        isMember: true,
        getNodeIds: () => [1],
        fetch: () => fetched.promise,
        heartbeat: () => Promise.reject(Object.assign(new Error("unknown member"), { type: "UNKNOWN_MEMBER_ID" })),
        leave: () => {
          said.push("leave")
          return Promise.reject(new Error("not the coordinator"))
        }
      }
    })
    await runner.start()
    const stopped = runner.stop().then(() => said.push("stopped"))
    await setImmediate()
    assert.deepStrictEqual(said, ["join", "leave"])
    fetched.resolve([])
    await stopped
    await setImmediate()
    assert.deepStrictEqual(said, ["join", "leave", "leave", "stopped"])
    assert.isFalse(runner.consuming)
  })

  it("a request is given up when its time is over, and nothing looks whether it is before", () => {
    vi.useFakeTimers()
    try {
      const queue = makeRequestQueue(true)
      const givenUp: Array<string> = []
      const send = (correlationId: number, requestTimeout?: number) =>
        queue.push({
          entry: { correlationId, apiName: "Fetch", resolve: () => {}, reject: ({ message }) => givenUp.push(message) },
          expectResponse: true,
          sendRequest: () => {},
          ...(requestTimeout === undefined ? {} : { requestTimeout })
        })
      assert.strictEqual(vi.getTimerCount(), 0)
      send(1, 5_000)
      send(2)
      send(3, 2_000)
      assert.strictEqual(vi.getTimerCount(), 1)
      vi.advanceTimersByTime(999)
      assert.lengthOf(givenUp, 0)
      vi.advanceTimersByTime(1)
      assert.lengthOf(givenUp, 1)
      queue.fulfillRequest({ correlationId: 3, payload: Buffer.alloc(0), size: 0 })
      vi.advanceTimersByTime(3_999)
      assert.lengthOf(givenUp, 1)
      vi.advanceTimersByTime(1)
      assert.lengthOf(givenUp, 2)
      assert.match(givenUp[1] ?? "", /^Request Fetch\(.*\) timed out$/)
      assert.strictEqual(vi.getTimerCount(), 0)
    } finally {
      vi.useRealTimers()
    }
  })
})
