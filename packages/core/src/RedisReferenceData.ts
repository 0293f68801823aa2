/** The reference port on Redis, with ioredis: `REDIS_URL`, and `REDIS_CA_FILE` for `rediss://`. */
import { Config, Effect, Layer } from "effect"
import type { RedisOptions } from "ioredis"
import { readCaFile } from "./CaFile.ts"
import { invalid, optional, required } from "./configText.ts"
import { makeRedisConnection, messageOf } from "./RedisConnection.ts"
import { makeFind, ReferenceData } from "./ReferenceData.ts"

/** Documents written in one MSET. */
const pageSize = 1_000

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
        options: { ...server.options, ...tls }
      }))
    )
  )
)

const make = Effect.gen(function* () {
  const { send } = yield* makeRedisConnection(yield* redisConfig)

  return ReferenceData.of({
    find: makeFind((ids) => send((redis) => redis.mgetBuffer([...ids]))),
    load: Effect.fnUntraced(function* (documents) {
      for (let start = 0; start < documents.length; start += pageSize) {
        const page = documents.slice(start, start + pageSize)
        yield* send((redis) => redis.mset(page.flatMap(({ id, json }) => [id, json])))
      }
    }),
    ping: Effect.asVoid(send((redis) => redis.ping()))
  })
})

/**
 * Connects with the first command, and again by itself whenever the connection is lost. While Redis is away every
 * operation fails with `ReferenceUnavailable` within 2 seconds. Building the layer fails only on wrong configuration.
 */
export const layer: Layer.Layer<ReferenceData, Config.ConfigError> = Layer.effect(ReferenceData, make)
