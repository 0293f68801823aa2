/**
 * The connection to Redis, by ioredis, which makes it with the first command, and again whenever it is lost. After a
 * failover the address may lead to another server while the old one holds its connections open, and goes on to answer
 * from what it knew. So no connection is used for long: after its lifetime another takes its place.
 */
import { Clock, Duration, Effect } from "effect"
import type { Scope } from "effect"
import { Redis, type RedisOptions } from "ioredis"
import { ReferenceUnavailable } from "./ReferenceData.ts"

export interface RedisServer {
  /** As it is told to people. */
  readonly address: string
  readonly options: Pick<RedisOptions, "host" | "port" | "username" | "password" | "db" | "tls">
}

export interface RedisConnection {
  /** While Redis is away this fails within 2 seconds. */
  readonly send: <A>(command: (redis: Redis) => Promise<A>) => Effect.Effect<A, ReferenceUnavailable>
}

/** That of a connection to PostgreSQL. */
const lifetimeNanos = Duration.toNanosUnsafe("2 minutes")
/** A command ends within this time, one way or the other; the caller retries. Milliseconds. */
const commandTimeout = 2_000
const longestReconnectDelay = 1_000

const reconnectDelay = (attempts: number): number =>
  Math.min(50 * 2 ** attempts, longestReconnectDelay) * (0.5 + Math.random() / 2)

const options = {
  // A Redis that is down when the service starts is waited for, like one that goes down later.
  lazyConnect: true,
  commandTimeout,
  connectTimeout: commandTimeout,
  // An answer that never comes: the connection is taken for dead, and made anew.
  socketTimeout: commandTimeout * 2,
  // What waits for a connection fails with the attempt, instead of with the next twenty.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // The ready check writes to the console; without it a Redis that still loads answers LOADING, and is asked again.
  enableReadyCheck: false,
  // After a failover the old primary refuses to write, and one that finds no new primary to read as well. The address may
  // lead to the new one by now.
  reconnectOnError: ({ message }: Error) => message.startsWith("READONLY") || message.startsWith("MASTERDOWN"),
  disableClientInfo: true,
  protocol: 2
} satisfies RedisOptions

export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  // Node's AggregateError, of a name with several addresses, has an empty message.
  return error.message !== "" ? error.message : "code" in error ? String(error.code) : error.name
}

/**
 * ioredis speaks of its retries where a command found its connection gone, and Redis of its protocol where somebody
 * whom it has not let in sends more than ten words at once.
 */
const failureOf = (cause: unknown): string => {
  const message = messageOf(cause)
  // Not by the name of its class: in a bundle the classes of libraries have other names.
  if (message.startsWith("Reached the max retries per request limit")) return "the connection was lost"
  return message.includes("unauthenticated")
    ? `NOAUTH: Redis asks for a password, REDIS_URL has none (${message})`
    : message
}

interface Client {
  readonly redis: Redis
  /** Why a command failed, in words for people. */
  readonly reasonOf: (cause: unknown) => string
  /** Whether the connection's lifetime is over. While there is none, ioredis is about to make a new one anyway. */
  readonly isOld: () => boolean
}

const makeClient = ({ options: serverOptions }: RedisServer, clock: Clock.Clock): Client => {
  let connectionError: string | undefined
  let handshakeFailed = false
  let connectedAt = 0n
  const redis = new Redis({
    ...options,
    ...serverOptions,
    // ioredis counts from one again after a SELECT that failed.
    retryStrategy: (attempts) => reconnectDelay(handshakeFailed ? Number.POSITIVE_INFINITY : attempts)
  })
  // Without a listener ioredis writes to the console. A caller is told with its command.
  redis.on("error", (error) => {
    connectionError = failureOf(error)
    if (redis.status === "connect") {
      handshakeFailed = true
      // After a SELECT that failed ioredis would go on, in database 0.
      redis.disconnect(true)
    }
  })
  // Before the handshake, and not at "ready": that comes, too, after a SELECT that failed.
  redis.on("connect", () => {
    connectionError = undefined
    handshakeFailed = false
    connectedAt = clock.monotonicTimeNanosUnsafe()
  })
  return {
    redis,
    reasonOf: (cause) => connectionError ?? failureOf(cause),
    isOld: () => redis.status === "ready" && clock.monotonicTimeNanosUnsafe() - connectedAt >= lifetimeNanos
  }
}

/** QUIT is answered after all that was sent before it, and commands have timed out where it is not answered at all. */
const retire = ({ redis }: Client): Promise<void> =>
  redis.quit().then(
    () => redis.disconnect(),
    () => redis.disconnect()
  )

/**
 * The age of a connection is looked at when it is used, as the probe of the health does every few seconds: nothing runs in
 * between. The old connection serves until the new one has answered, so nobody waits. If the new one cannot be made, it
 * takes over even so: from then on Redis is down, as it is for anybody who connects now, and ioredis tries again. Whoever
 * went on with the old connection would never learn that it leads to the wrong server.
 */
export const makeRedisConnection = Effect.fnUntraced(function* (
  server: RedisServer
): Effect.fn.Return<RedisConnection, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  let current = makeClient(server, clock)
  let next: Client | undefined

  const takeOver = () => {
    if (next === undefined) return
    void retire(current)
    current = next
    next = undefined
  }
  const renew = () => {
    next = makeClient(server, clock)
    next.redis.ping().then(takeOver, takeOver)
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const client of [current, next]) client?.redis.disconnect()
      next = undefined
    })
  )

  return {
    send: (command) =>
      Effect.suspend(() => {
        if (next === undefined && current.isOld()) renew()
        const { reasonOf, redis } = current
        return Effect.tryPromise({
          try: () => command(redis),
          catch: (cause) =>
            new ReferenceUnavailable({ message: `Redis at ${server.address}: ${reasonOf(cause)}`, cause })
        })
      })
  }
})
