/** An environment on the test run's real servers. */
import { Effect } from "effect"
import { freshEnvironment } from "./processSystem.ts"
import { RealServers } from "./realServers.ts"
import { ownRedisServer } from "./servers.ts"

/** The environment of a system that shares nothing with another test, its schemas migrated by `metka migrate`. */
export const realEnvironment = Effect.fnUntraced(function* (databaseUrl: string) {
  const servers = yield* RealServers
  // A Redis of its own: references have the app's ids for keys, which no prefix can keep apart.
  const redis = yield* ownRedisServer
  return yield* freshEnvironment({ brokers: yield* servers.kafkaBrokers, redisUrl: redis.url, databaseUrl })
})
