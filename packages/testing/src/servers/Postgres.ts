/** A real PostgreSQL: the one `DATABASE_URL` names, else one of our own, as durable as in production. */
import { Effect, Option } from "effect"
import type { Scope } from "effect"
import { chown, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Certificates, writeCertificate } from "./certificates.ts"
import { run } from "./command.ts"
import { fromEnvironment } from "./environment.ts"
import { freePort } from "./freePort.ts"
import { type Guard, makeGuard } from "./Guard.ts"
import { postgresBinaries } from "./postgresBinaries.ts"
import { probe } from "./probe.ts"
import { ServerFailed, type ServerMissing } from "./ServerErrors.ts"
import { type ServerProcess, startServerProcess } from "./ServerProcess.ts"
import { type SystemUser, unprivilegedUser } from "./SystemUser.ts"

export interface PostgresServer extends ServerProcess {
  /**
   * `postgres://postgres@127.0.0.1:port/postgres`, as in `DATABASE_URL`; a superuser, without a password. Of one that is
   * secured: with the password, at `localhost`, with no word on TLS.
   */
  readonly url: string
}

/** TLS and a password for everybody. */
export interface PostgresSecurity {
  readonly certificates: Certificates
  /** The superuser's. */
  readonly password: string
}

const startupMessage = ((): Buffer => {
  const parameters = Buffer.from("user\0postgres\0database\0postgres\0\0")
  const header = Buffer.alloc(8)
  header.writeInt32BE(header.length + parameters.length, 0)
  header.writeInt32BE(196608, 4)
  return Buffer.concat([header, parameters])
})()

/** ReadyForQuery, idle; a server that is starting up or recovering sends an error instead. */
const isReadyForQuery = (received: Buffer): boolean =>
  received.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))

/** "No entry for this host without encryption": an answer of one that speaks TLS only. */
const isNoEntry = (received: Buffer): boolean => received.includes("C28000\0")

/**
 * Production databases sort by language, and one that sorts by bytes hides code that relies on bytes; so ICU's
 * English where this PostgreSQL can, which is from 15 on.
 */
const initdb = (bin: string, data: string, guard: Guard, user: SystemUser | undefined) => {
  const withLocale = (...locale: ReadonlyArray<string>) =>
    run(join(bin, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", ...locale], {
      cwd: guard.folder,
      guard,
      user,
      env: { LC_ALL: "C" }
    })
  return withLocale("--locale=C", "--locale-provider=icu", "--icu-locale=en-US").pipe(
    Effect.catch(() => withLocale("--locale=C")),
    Effect.mapError(
      ({ output }) => new ServerFailed({ server: "postgres", problem: "could not make its data folder", log: output })
    )
  )
}

/** In single-user mode, which asks for none: from its first start on the server lets nobody in without. */
const setPassword = (bin: string, data: string, user: SystemUser | undefined, password: string) =>
  run(join(bin, "postgres"), ["--single", "-D", data, "postgres"], {
    cwd: data,
    user,
    input: `alter role postgres password '${password}'\n`
  }).pipe(
    Effect.mapError(
      ({ output }) => new ServerFailed({ server: "postgres", problem: "could not set a password", log: output })
    )
  )

const security = Effect.fnUntraced(function* (
  data: string,
  user: SystemUser | undefined,
  { certificates }: PostgresSecurity
) {
  const files = yield* writeCertificate(data, certificates)
  yield* Effect.promise(async () => {
    await writeFile(join(data, "pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n")
    for (const file of [files.certificate, files.key]) if (user !== undefined) await chown(file, user.uid, user.gid)
  })
  return { ssl: "on", ssl_cert_file: files.certificate, ssl_key_file: files.key }
})

/**
 * What the manifests in `k8s/` give PostgreSQL, so that it is measured as it is deployed. After a checkpoint every page
 * goes to the WAL whole when it is first changed, and an order's random keys change many: so checkpoints are rare, and
 * those pages compressed by what costs least.
 */
export const deployedSettings = { shared_buffers: "512MB", max_wal_size: "2GB", wal_compression: "lz4" }

/** A build without it refuses to start with it. */
const knowsLz4 = (bin: string, data: string, user: SystemUser | undefined) =>
  run(join(bin, "postgres"), ["-D", data, "-C", "wal_compression", "-c", "wal_compression=lz4"], {
    cwd: data,
    user
  }).pipe(
    Effect.as(true),
    Effect.catchTag("CommandFailed", () => Effect.succeed(false))
  )

/** Starts the `postgres` of this folder as this user. */
export const postgresFrom = Effect.fnUntraced(function* (
  bin: string,
  user: SystemUser | undefined,
  secured?: PostgresSecurity
): Effect.fn.Return<PostgresServer, ServerFailed, Scope.Scope> {
  const guard = yield* makeGuard({ prefix: "postgres", signal: "QUIT", owner: user })
  const data = join(guard.folder, "data")
  yield* initdb(bin, data, guard, user)
  const port = yield* freePort
  if (secured !== undefined) yield* setPassword(bin, data, user, secured.password)
  const settings = {
    ...(secured === undefined ? {} : yield* security(data, user, secured)),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: guard.folder,
    max_connections: "100",
    ...deployedSettings,
    ...((yield* knowsLz4(bin, data, user)) ? {} : { wal_compression: "on" }),
    fsync: "on",
    synchronous_commit: "on"
  }
  const server = yield* startServerProcess({
    server: "postgres",
    guard,
    executable: join(bin, "postgres"),
    args: [
      "-D",
      data,
      "-p",
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    ],
    env: { LC_ALL: "C" },
    user,
    stopSignal: "SIGINT",
    // Immediate shutdown: unlike after SIGKILL, no shared memory stays behind.
    discardSignal: "SIGQUIT",
    answers: probe({ port, question: startupMessage, isAnswer: secured === undefined ? isReadyForQuery : isNoEntry })
  })
  const url =
    secured === undefined
      ? `postgres://postgres@127.0.0.1:${port}/postgres`
      : `postgres://postgres:${secured.password}@localhost:${port}/postgres`
  return { ...server, url }
})

/**
 * A PostgreSQL of our own that a test may stop and kill, whatever the environment says. fsync and synchronous commit
 * are on, so that benchmarks measure what production would do. Run as another user when we are root.
 */
export const ownPostgresServer: Effect.Effect<PostgresServer, ServerMissing | ServerFailed, Scope.Scope> =
  Effect.suspend(() => postgresOfOurOwn())

/** The same, reached over TLS with a password and in no other way. */
export const securedPostgresServer = (
  secured: PostgresSecurity
): Effect.Effect<PostgresServer, ServerMissing | ServerFailed, Scope.Scope> => postgresOfOurOwn(secured)

const postgresOfOurOwn = Effect.fnUntraced(function* (secured?: PostgresSecurity) {
  const user = yield* unprivilegedUser
  return yield* postgresFrom(yield* postgresBinaries(user), user, secured)
})

/** `DATABASE_URL`, else a PostgreSQL of our own. */
export const postgresServer: Effect.Effect<{ readonly url: string }, ServerMissing | ServerFailed, Scope.Scope> =
  Effect.flatMap(fromEnvironment("DATABASE_URL"), (url) =>
    Option.isSome(url) ? Effect.succeed({ url: url.value }) : ownPostgresServer
  )
