/** The reference port on Redis, with ioredis: `REDIS_URL`, and `REDIS_CA_FILE` for `rediss://`. */
import { Config, Effect, Layer } from "effect"
import { Redis, type RedisOptions } from "ioredis"
import { readCaFile } from "./CaFile.ts"
import { invalid, optional, required } from "./configText.ts"
import { makeFind, ReferenceData, ReferenceUnavailable } from "./ReferenceData.ts"

/** A command ends within this time, one way or the other; the caller retries. Milliseconds. */
const commandTimeout = 2_000
const longestReconnectDelay = 1_000
/** Documents written in one MSET. */
const pageSize = 1_000

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  // Node's AggregateError, of a name with several addresses, has an empty message.
  return error.message !== "" ? error.message : "code" in error ? String(error.code) : error.name
}

const badUrl = invalid(
  // The text is not quoted: it may hold a password.
  "REDIS_URL must be redis://host:port or rediss://host:port, if need be with user:password@ before the host and " +
    "/database, a number, at the end; %, /, ? and # in a password are written %25, %2F, %3F and %23"
)

interface Server {
  readonly address: string
  readonly protocol: string
  readonly options: Pick<RedisOptions, "host" | "port" | "username" | "password" | "db">
}

/** Done here, because ioredis takes any of its options from a query, and a database that is no number. */
const parseUrl = (text: string): Effect.Effect<Server, Config.ConfigError> =>
  Effect.try({
    try: () => {
      const url = new URL(text)
      const [, database] = /^\/?(\d*)$/.exec(url.pathname + url.search + url.hash) ?? []
      if (!/^rediss?:$/.test(url.protocol) || url.hostname === "" || database === undefined) throw badUrl
      return {
        address: url.host,
        protocol: url.protocol,
        options: {
          host: url.hostname.replaceAll(/^\[|\]$/g, ""),
          ...(url.port === "" ? {} : { port: Number(url.port) }),
          username: decodeURIComponent(url.username),
          password: decodeURIComponent(url.password),
          db: Number(database)
        }
      }
    },
    catch: () => badUrl
  })

const tlsOptions = (
  { protocol }: Server,
  caFile: string
): Effect.Effect<Pick<RedisOptions, "tls">, Config.ConfigError> => {
  if (protocol === "redis:") {
    return caFile === ""
      ? Effect.succeed({})
      : Effect.fail(invalid("REDIS_CA_FILE is set, but REDIS_URL does not start with rediss://"))
  }
  if (caFile === "") return Effect.succeed({ tls: {} })
  return Effect.try({
    try: () => ({ tls: { ca: readCaFile(caFile) } }),
    catch: (error) => invalid(`REDIS_CA_FILE cannot be read: ${messageOf(error)}`)
  })
}

const redisConfig = Config.all({
  url: required("REDIS_URL"),
  caFile: optional("REDIS_CA_FILE")
}).pipe(
  Config.mapEffect(({ caFile, url }) =>
    Effect.flatMap(parseUrl(url), (server) =>
      Effect.map(tlsOptions(server, caFile), (tls) => ({
        address: server.address,
        serverOptions: { ...server.options, ...tls }
      }))
    )
  )
)

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
  // After a failover the old primary refuses to write.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  disableClientInfo: true,
  protocol: 2
} satisfies RedisOptions

/**
 * ioredis speaks of its retries where a command found its connection gone, and Redis of its protocol where somebody
 * whom it has not let in sends more than ten words at once.
 */
const failureOf = (cause: unknown): string => {
  if (cause instanceof Error && cause.name === "MaxRetriesPerRequestError") return "the connection was lost"
  const message = messageOf(cause)
  return message.includes("unauthenticated")
    ? `NOAUTH: Redis asks for a password, REDIS_URL has none (${message})`
    : message
}

const make = Effect.gen(function* () {
  const { address, serverOptions } = yield* redisConfig
  let connectionError: string | undefined
  let handshakeFailed = false
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const client = new Redis({
        ...options,
        ...serverOptions,
        // ioredis counts from one again after a SELECT that failed.
        retryStrategy: (attempts) => reconnectDelay(handshakeFailed ? Number.POSITIVE_INFINITY : attempts)
      })
      // Without a listener ioredis writes to the console. A caller is told with its command.
      client.on("error", (error) => {
        connectionError = failureOf(error)
        if (client.status === "connect") {
          handshakeFailed = true
          // After a SELECT that failed ioredis would go on, in database 0.
          client.disconnect(true)
        }
      })
      // Before the handshake, and not at "ready": that comes, too, after a SELECT that failed.
      client.on("connect", () => {
        connectionError = undefined
        handshakeFailed = false
      })
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )

  const send = <A>(command: () => Promise<A>): Effect.Effect<A, ReferenceUnavailable> =>
    Effect.tryPromise({
      try: command,
      catch: (cause) =>
        new ReferenceUnavailable({ message: `Redis at ${address}: ${connectionError ?? failureOf(cause)}`, cause })
    })

  return ReferenceData.of({
    find: makeFind((ids) => send(() => redis.mgetBuffer([...ids]))),
    load: Effect.fnUntraced(function* (documents) {
      for (let start = 0; start < documents.length; start += pageSize) {
        const page = documents.slice(start, start + pageSize)
        yield* send(() => redis.mset(page.flatMap(({ id, json }) => [id, json])))
      }
    }),
    ping: Effect.asVoid(send(() => redis.ping()))
  })
})

/**
 * Connects with the first command, and again by itself whenever the connection is lost. While Redis is away every
 * operation fails with `ReferenceUnavailable` within 2 seconds. Building the layer fails only on wrong configuration.
 */
export const layer: Layer.Layer<ReferenceData, Config.ConfigError> = Layer.effect(ReferenceData, make)
