/** Java programs and what they carry, fetched once by Maven into the repository's own cache folder. */
import { Effect, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { randomUUID } from "node:crypto"
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type CommandFailed, onPath, run } from "./command.ts"
import { ServerMissing, type ServerName } from "./ServerErrors.ts"

const testingPackage = fileURLToPath(new URL("../..", import.meta.url))

/** The root of the repository. */
export const repository = join(testingPackage, "..", "..")

const cache = join(repository, "node_modules", ".cache", "metka")

class Locked extends Schema.TaggedError<Locked>()("Locked", { file: Schema.String }) {}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Two Mavens at once write the same files of one local repository. The lock of a process that died is taken over. */
const lock = (file: string): Effect.Effect<void, Locked, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const holder = Number(await readFile(file, "utf8").catch(() => ""))
        if (holder > 0 && !isRunning(holder)) await rm(file, { force: true })
        await writeFile(file, String(process.pid), { flag: "wx" })
      },
      catch: () => new Locked({ file })
    }),
    () => Effect.promise(() => rm(file, { force: true }))
  ).pipe(Effect.retry(Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "5 minutes" }))))

/** A folder made by another version of the pom is not the folder we want. */
const isFetched = (pom: string, folder: string): Effect.Effect<boolean> =>
  Effect.promise(
    async () => (await readFile(pom, "utf8")) === (await readFile(join(folder, "pom.xml"), "utf8").catch(() => ""))
  )

const fetch = Effect.fnUntraced(function* (options: {
  readonly mvn: string
  readonly pom: string
  readonly folder: string
  readonly goal: ReadonlyArray<string>
}): Effect.fn.Return<void, CommandFailed | Locked, Scope.Scope> {
  yield* Effect.promise(() => mkdir(cache, { recursive: true }))
  yield* lock(join(cache, "maven.lock"))
  if (yield* isFetched(options.pom, options.folder)) return
  // Renamed when complete: a folder that exists is a folder that can be used, whoever was killed while fetching.
  // Maven works on a copy of the pom inside it, for it leaves marks next to a pom and then believes them.
  const unfinished = `${options.folder}.${randomUUID()}`
  const pom = join(unfinished, "pom.xml")
  yield* Effect.promise(async () => {
    await mkdir(unfinished)
    await copyFile(options.pom, pom)
  })
  yield* run(options.mvn, ["-q", "-B", "-f", pom, ...options.goal, `-DoutputDirectory=${unfinished}`]).pipe(
    Effect.onError(() => Effect.promise(() => rm(unfinished, { recursive: true, force: true })))
  )
  yield* Effect.promise(async () => {
    await rm(options.folder, { recursive: true, force: true })
    await rename(unfinished, options.folder)
  })
})

/**
 * The folder `node_modules/.cache/metka/<name>` with what `goal` of `packages/testing/<server>/pom.xml` puts into its
 * `outputDirectory`; fetched if it is not there yet.
 */
export const fetchedByMaven = Effect.fnUntraced(function* (options: {
  readonly server: ServerName
  readonly name: string
  readonly goal: ReadonlyArray<string>
  readonly install: string
}): Effect.fn.Return<string, ServerMissing> {
  const { goal, install, server } = options
  const pom = join(testingPackage, server, "pom.xml")
  const folder = join(cache, options.name)
  if (yield* isFetched(pom, folder)) return folder
  const mvn = onPath("mvn")
  if (mvn === undefined) return yield* new ServerMissing({ server, missing: "no mvn (Maven) on PATH", install })
  yield* fetch({ mvn, pom, folder, goal }).pipe(
    Effect.scoped,
    Effect.catchTags({
      CommandFailed: ({ output }) =>
        Effect.fail(new ServerMissing({ server, missing: `Maven could not fetch it (${output})`, install })),
      Locked: ({ file }) =>
        Effect.fail(new ServerMissing({ server, missing: `${file} was held for 5 minutes`, install }))
    })
  )
  return folder
})
