import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Schema } from "effect"
import { createServer } from "node:net"
import { afterEach, vi } from "vitest"
import { freePort, kafkaServer, ownKafkaServer, postgresServer, redisServer, ServerMissing } from "../src/servers.ts"
import { makeGuard } from "../src/servers/Guard.ts"
import { NoAnswer, probe } from "../src/servers/probe.ts"
import { startServerProcess } from "../src/servers/ServerProcess.ts"

afterEach(() => void vi.unstubAllEnvs())

const withEnvironment = (variables: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(variables))

describe("Servers", () => {
  it.live("are those that the environment names, and none is started then", () =>
    Effect.gen(function* () {
      vi.stubEnv("PATH", "/nonexistent")
      vi.stubEnv("JAVA_HOME", "")
      assert.strictEqual((yield* kafkaServer).brokers, "broker:9092")
      assert.strictEqual((yield* redisServer).url, "redis://cache")
      assert.strictEqual((yield* postgresServer).url, "postgres://db")
    }).pipe(
      withEnvironment({
        KAFKA_BROKERS: "broker:9092",
        REDIS_URL: "redis://cache",
        DATABASE_URL: "postgres://db"
      })
    )
  )

  it.live("say what is missing and how to install it", () =>
    Effect.gen(function* () {
      vi.stubEnv("PATH", "/nonexistent")
      vi.stubEnv("JAVA_HOME", "")
      const error = yield* Effect.flip(ownKafkaServer)
      assert.isTrue(Schema.is(ServerMissing)(error))
      assert.match(error.message, /no java on PATH.*apt-get install openjdk-17/)
    })
  )

  it.live("that exit on their start fail with what they wrote, and leave the scope usable", () =>
    Effect.gen(function* () {
      const guard = yield* makeGuard({ prefix: "test", signal: "KILL" })
      const error = yield* Effect.flip(
        startServerProcess({
          server: "redis",
          guard,
          executable: "/bin/sh",
          args: ["-c", "echo cannot bind >&2; exit 3"],
          stopSignal: "SIGTERM",
          discardSignal: "SIGKILL",
          answers: Effect.fail(new NoAnswer({ reason: "refused" }))
        })
      )
      assert.strictEqual(error.problem, "exited on its start (3)")
      assert.match(error.log, /cannot bind/)
    })
  )

  it.live("whose executable cannot be run at all fail too, and do not hang", () =>
    Effect.gen(function* () {
      const guard = yield* makeGuard({ prefix: "test", signal: "KILL" })
      const error = yield* Effect.flip(
        startServerProcess({
          server: "redis",
          guard,
          executable: "/nonexistent/redis-server",
          args: [],
          stopSignal: "SIGTERM",
          discardSignal: "SIGKILL",
          answers: Effect.fail(new NoAnswer({ reason: "refused" }))
        })
      )
      assert.match(error.problem, /exited on its start/)
    })
  )
})

describe("freePort", () => {
  it.live(
    "is never one that an outgoing connection can be given, so a client cannot take a stopped server's port",
    () =>
      Effect.gen(function* () {
        for (const _ of Array.from({ length: 50 })) assert.isBelow(yield* freePort, 32_768)
      })
  )
})

describe("probe", () => {
  it.live("takes no answer from a port that accepts and hangs up: a server that starts is not one that answers", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((socket) => socket.end("-LOADING")).listen(port, "127.0.0.1", () =>
            resume(Effect.succeed(server))
          )
        }),
        (server) => Effect.sync(() => server.close())
      )
      const error = yield* Effect.flip(
        probe({
          port,
          question: Buffer.from("PING\r\n"),
          isAnswer: (received) => received.toString().startsWith("+PONG")
        })
      )
      assert.strictEqual(error.reason, "closed the connection")
    })
  )
})
