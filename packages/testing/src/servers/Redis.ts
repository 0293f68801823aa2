/** A real Redis: the one `REDIS_URL` names, else `redis-server` from PATH, else the executable that Maven can fetch. */
import { Effect, Option } from "effect"
import type { Scope } from "effect"
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import { type Certificates, writeCertificate } from "./certificates.ts"
import { onPath } from "./command.ts"
import { fromEnvironment } from "./environment.ts"
import { freePort } from "./freePort.ts"
import { makeGuard } from "./Guard.ts"
import { fetchedByMaven } from "./Maven.ts"
import { probe } from "./probe.ts"
import { type ServerFailed, ServerMissing } from "./ServerErrors.ts"
import { type ServerProcess, startServerProcess } from "./ServerProcess.ts"

export interface RedisServer extends ServerProcess {
  /** `redis://127.0.0.1:port`, as in `REDIS_URL`; `rediss://:password@localhost:port` of one that is secured. */
  readonly url: string
}

/** TLS and nothing else, and a password. */
export interface RedisSecurity {
  readonly certificates: Certificates
  readonly password: string
}

const install =
  "Install Redis (Debian: apt-get install redis-server) or Maven, which fetches one, " +
  "or name a running server in REDIS_URL."

/** Names of the executables inside embedded-redis 1.4.3. */
const embedded: Readonly<Record<string, string>> = {
  "linux-x64": "redis-server-6.2.6-v5-linux-amd64",
  "linux-arm64": "redis-server-6.2.7-linux-arm64",
  "darwin-x64": "redis-server-6.2.6-v5-darwin-amd64",
  "darwin-arm64": "redis-server-6.2.6-v5-darwin-arm64"
}

/** Exported so that a test can start it where `redis-server` is installed too. */
export const embeddedRedis: Effect.Effect<string, ServerMissing> = Effect.gen(function* () {
  const platform = `${process.platform}-${process.arch}`
  const name = embedded[platform]
  if (name === undefined) {
    return yield* new ServerMissing({
      server: "redis",
      missing: `no redis-server on PATH, and none to fetch for ${platform}`,
      install
    })
  }
  const folder = yield* fetchedByMaven({
    server: "redis",
    name: "redis-6.2",
    goal: [
      "dependency:unpack-dependencies",
      "-DincludeArtifactIds=embedded-redis",
      "-Dmdep.unpack.includes=redis-server-*"
    ],
    install
  }).pipe(
    Effect.mapError(
      ({ missing, server }) =>
        new ServerMissing({ server, missing: `no redis-server on PATH, and ${missing}`, install })
    )
  )
  const executable = join(folder, name)
  yield* Effect.promise(() => chmod(executable, 0o755))
  return executable
})

const security = Effect.fnUntraced(function* (folder: string, port: number, secured: RedisSecurity) {
  const files = yield* writeCertificate(folder, secured.certificates)
  return {
    port: "0",
    "tls-port": String(port),
    "tls-cert-file": files.certificate,
    "tls-key-file": files.key,
    "tls-ca-cert-file": secured.certificates.authorityFile,
    "tls-auth-clients": "no",
    requirepass: secured.password
  }
})

/** Starts this very executable. */
export const redisFrom = Effect.fnUntraced(function* (
  executable: string,
  secured?: RedisSecurity
): Effect.fn.Return<RedisServer, ServerFailed, Scope.Scope> {
  const guard = yield* makeGuard({ prefix: "redis", signal: "KILL" })
  const port = yield* freePort
  const server = yield* startServerProcess({
    server: "redis",
    guard,
    executable,
    args: Object.entries({
      ...(secured === undefined ? { port: String(port) } : yield* security(guard.folder, port, secured)),
      bind: "127.0.0.1",
      dir: guard.folder,
      // Every write is in the log before it is answered: a SIGKILL loses nothing, as managed Redis promises.
      save: "",
      appendonly: "yes",
      appendfsync: "everysec"
    }).flatMap(([name, value]) => [`--${name}`, value]),
    stopSignal: "SIGTERM",
    discardSignal: "SIGKILL",
    answers: probe({
      port,
      question: Buffer.from("PING\r\n"),
      isAnswer: (received) => /^(\+PONG|-NOAUTH)/.test(received.toString("latin1")),
      secure: secured !== undefined
    })
  })
  const url = secured === undefined ? `redis://127.0.0.1:${port}` : `rediss://:${secured.password}@localhost:${port}`
  return { ...server, url }
})

const redisOfOurOwn = (secured?: RedisSecurity) =>
  Effect.suspend(() => {
    const installed = onPath("redis-server")
    return Effect.flatMap(installed === undefined ? embeddedRedis : Effect.succeed(installed), (executable) =>
      redisFrom(executable, secured)
    )
  })

/** A Redis of our own that a test may stop and kill, whatever the environment says. */
export const ownRedisServer: Effect.Effect<RedisServer, ServerMissing | ServerFailed, Scope.Scope> = redisOfOurOwn()

/** The same, reached over TLS with a password and in no other way. */
export const securedRedisServer = (
  secured: RedisSecurity
): Effect.Effect<RedisServer, ServerMissing | ServerFailed, Scope.Scope> => redisOfOurOwn(secured)

/** `REDIS_URL`, else a Redis of our own. */
export const redisServer: Effect.Effect<{ readonly url: string }, ServerMissing | ServerFailed, Scope.Scope> =
  Effect.flatMap(fromEnvironment("REDIS_URL"), (url) =>
    Option.isSome(url) ? Effect.succeed({ url: url.value }) : ownRedisServer
  )
