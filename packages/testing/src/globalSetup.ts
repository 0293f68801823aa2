/** Starts one server of each kind before the tests on real servers, and stops them after the last. */
import { Effect, Exit, Scope } from "effect"
import type { TestProject } from "vitest/node"
import type { ServerAddress } from "./ServerAddresses.ts"
import {
  collectorExecutable,
  kafkaServer,
  postgresServer,
  prometheusExecutable,
  redisServer,
  type ServerFailed,
  type ServerMissing
} from "./servers.ts"

const isCi = ["true", "1"].includes(process.env["CI"] ?? "")

/** A laptop without a server skips the tests that need it; under CI there is no such excuse. */
const optional = <R>(
  server: Effect.Effect<string, ServerMissing | ServerFailed, R>
): Effect.Effect<ServerAddress, ServerMissing | ServerFailed, R> =>
  server.pipe(
    Effect.map((address): ServerAddress => ({ _tag: "Present", address })),
    Effect.catchTag("ServerMissing", (error) =>
      isCi
        ? Effect.fail(error)
        : Effect.succeed<ServerAddress>({ _tag: "Missing", missing: error.missing, install: error.install })
    )
  )

const startAll = Effect.all(
  {
    kafka: optional(Effect.map(kafkaServer, ({ brokers }) => brokers)),
    redis: optional(Effect.map(redisServer, ({ url }) => url)),
    postgres: optional(Effect.map(postgresServer, ({ url }) => url)),
    // A test starts these by itself, with a configuration of its own.
    collector: optional(collectorExecutable),
    prometheus: optional(prometheusExecutable)
  },
  { concurrency: "unbounded" }
)

/** Vitest's `globalSetup` of the project "real". */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scope = Scope.makeUnsafe("parallel")
  const stopAll = () => Effect.runPromise(Scope.close(scope, Exit.void))
  try {
    project.provide("realServers", await Effect.runPromise(Scope.provide(startAll, scope)))
  } catch (error) {
    await stopAll()
    throw error
  }
  return stopAll
}
