/** A real PostgreSQL: the one `DATABASE_URL` names, else one of our own, as durable as in production. */
import { Effect, Option } from "effect"
import type { Scope } from "effect"
import { join } from "node:path"
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
  /** `postgres://postgres@127.0.0.1:port/postgres`, as in `DATABASE_URL`; a superuser, without a password. */
  readonly url: string
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

/** Starts the `postgres` of this folder as this user. */
export const postgresFrom = Effect.fnUntraced(function* (
  bin: string,
  user: SystemUser | undefined
): Effect.fn.Return<PostgresServer, ServerFailed, Scope.Scope> {
  const guard = yield* makeGuard({ prefix: "postgres", signal: "QUIT", owner: user })
  const data = join(guard.folder, "data")
  yield* initdb(bin, data, guard, user)
  const port = yield* freePort
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: guard.folder,
    max_connections: "100",
    shared_buffers: "256MB",
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
    answers: probe({ port, question: startupMessage, isAnswer: isReadyForQuery })
  })
  return { ...server, url: `postgres://postgres@127.0.0.1:${port}/postgres` }
})

/**
 * A PostgreSQL of our own that a test may stop and kill, whatever the environment says. fsync and synchronous commit
 * are on, so that benchmarks measure what production would do. Run as another user when we are root.
 */
export const ownPostgresServer: Effect.Effect<PostgresServer, ServerMissing | ServerFailed, Scope.Scope> = Effect.gen(
  function* () {
    const user = yield* unprivilegedUser
    return yield* postgresFrom(yield* postgresBinaries(user), user)
  }
)

/** `DATABASE_URL`, else a PostgreSQL of our own. */
export const postgresServer: Effect.Effect<{ readonly url: string }, ServerMissing | ServerFailed, Scope.Scope> =
  Effect.flatMap(fromEnvironment("DATABASE_URL"), (url) =>
    Option.isSome(url) ? Effect.succeed({ url: url.value }) : ownPostgresServer
  )
