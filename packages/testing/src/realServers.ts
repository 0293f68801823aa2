/**
 * The real servers of this test run, one of each for all test files: `globalSetup.ts` starts them, tests ask here and
 * keep to a database, topics and keys of their own.
 */
import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import type { SqlError } from "effect/sql"
import { inject } from "vitest"
import type { ServerAddress, ServerAddresses } from "./ServerAddresses.ts"
import { freshDatabase } from "./servers/freshDatabase.ts"
import { ServerMissing, type ServerName } from "./servers/ServerErrors.ts"

const provided = (): ServerAddresses => {
  // Typed as always there, and absent when the file runs without the global setup of the project "real".
  const addresses: ServerAddresses | undefined = inject("realServers")
  if (addresses === undefined) {
    throw new Error(
      'Tests on real servers belong to the project "real": name the file *.real.test.ts and run it with ' +
        "vitest run --config vitest.workspace.ts FILE"
    )
  }
  return addresses
}

/**
 * True when one of these servers is missing here: `describe.skipIf(isMissing("kafka"))("…")`. The last lines of the
 * run then say what was skipped and how to get the server; under `CI=true` the run fails before it begins.
 */
export const isMissing = (...servers: ReadonlyArray<ServerName>): boolean => {
  const addresses = provided()
  return servers.some((server) => addresses[server]._tag === "Missing")
}

const addressOf = (server: ServerName, found: ServerAddress): Effect.Effect<string, ServerMissing> =>
  found._tag === "Present"
    ? Effect.succeed(found.address)
    : Effect.fail(new ServerMissing({ server, missing: found.missing, install: found.install }))

export class RealServers extends Context.Service<
  RealServers,
  {
    /** `host:port,host:port` */
    readonly kafkaBrokers: Effect.Effect<string, ServerMissing>
    /** `redis://host:port` */
    readonly redisUrl: Effect.Effect<string, ServerMissing>
    /** `postgres://…`, of a database to be left as it is: tests want `database`. */
    readonly postgresUrl: Effect.Effect<string, ServerMissing>
    /** The URL of a new, empty database, dropped with the scope. */
    readonly database: Effect.Effect<string, ServerMissing | SqlError.SqlError, Scope.Scope>
  }
>()("metka/testing/RealServers") {
  static readonly layer: Layer.Layer<RealServers> = Layer.sync(RealServers, () => {
    const addresses = provided()
    const postgresUrl = addressOf("postgres", addresses.postgres)
    return RealServers.of({
      kafkaBrokers: addressOf("kafka", addresses.kafka),
      redisUrl: addressOf("redis", addresses.redis),
      postgresUrl,
      database: Effect.flatMap(postgresUrl, freshDatabase)
    })
  })
}
