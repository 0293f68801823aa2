/** Starts one server of each kind before the tests on real servers, and stops them after the last. */
import { Effect, Exit, Scope } from "effect"
import type { TestProject } from "vitest/node"
import { missingServers, type ServerAddress, type ServerAddresses } from "./ServerAddresses.ts"
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

/** A laptop without a server skips the tests that need it. */
const optional = <R>(
  server: Effect.Effect<string, ServerMissing | ServerFailed, R>
): Effect.Effect<ServerAddress, ServerFailed, R> =>
  server.pipe(
    Effect.map((address): ServerAddress => ({ _tag: "Present", address })),
    Effect.catchTag("ServerMissing", ({ install, missing }) =>
      Effect.succeed<ServerAddress>({ _tag: "Missing", missing, install })
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

/** Under CI there is no excuse; all that is missing is named at once. */
const assertComplete = (servers: ServerAddresses): void => {
  const missing = missingServers(servers)
  if (isCi && missing.length > 0) throw new Error(["servers are missing, and CI is set:", ...missing].join("\n"))
}

/** Vitest's `globalSetup` of the project "real". */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scope = Scope.makeUnsafe("parallel")
  const stopAll = () => Effect.runPromise(Scope.close(scope, Exit.void))
  try {
    const servers = await Effect.runPromise(Scope.provide(startAll, scope))
    assertComplete(servers)
    project.provide("realServers", servers)
  } catch (error) {
    await stopAll()
    throw error
  }
  return stopAll
}
