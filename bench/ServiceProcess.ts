/** A service of ours as the process that `npm run` would start. */
import { Data, Effect } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { repository } from "../build/paths.ts"

export class ServiceFailed extends Data.TaggedError("ServiceFailed")<{ readonly message: string }> {}

export interface ServiceProcess {
  readonly name: ProgramName
  readonly pid: number
  /** Succeeds when the process ends by itself with 0, fails when it ends with anything else. */
  readonly ends: Effect.Effect<void, ServiceFailed>
  /** Never succeeds: fails when the process ends before it is told to. */
  readonly endsEarly: Effect.Effect<never, ServiceFailed>
  /** SIGTERM; fails unless it exits with 0. */
  readonly stop: Effect.Effect<void, ServiceFailed>
}

/** What `npm run NAME` starts: a bundle, relative to the repository, and its arguments. */
const programs = {
  stg: ["dist/stg.mjs"],
  dds: ["dist/dds.mjs"],
  cdm: ["dist/cdm.mjs"],
  all: ["dist/metka.mjs", "all"],
  migrate: ["dist/metka.mjs", "migrate"],
  start: ["dist/metka.mjs", "start"]
} as const
export type ProgramName = keyof typeof programs

const isService = (name: ProgramName): boolean => name !== "migrate" && name !== "start"

/** As the scripts in package.json and the Dockerfile start the services. */
const nodeFlagsOf = (name: ProgramName): ReadonlyArray<string> =>
  isService(name) ? ["--expose-gc", "--max-semi-space-size=4", "--heap-growing-percent=140"] : []

export interface ServiceOptions {
  readonly name: ProgramName
  readonly args?: ReadonlyArray<string>
  readonly nodeArgs?: ReadonlyArray<string>
  /** Another script than the bundle that `npm run` starts, relative to the repository. */
  readonly script?: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
}

/** What a developer's shell says of telemetry or of other servers is no part of the measurement. */
const ownVariables = /^(OTEL_|KAFKA_|REDIS_|DATABASE_|TOPIC_|GROUP_|HTTP_|LOG_LEVEL|NODE_OPTIONS)/

const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !ownVariables.test(name)))

const failed = (options: ServiceOptions, what: string) =>
  Effect.promise(() => readFile(options.logFile, "utf8").catch(() => "")).pipe(
    Effect.flatMap((log) =>
      Effect.fail(new ServiceFailed({ message: `${options.name} ${what}\n${log.split("\n").slice(-12).join("\n")}` }))
    )
  )

/** Starts it; it is killed with the scope if it still runs then. */
export const startService = Effect.fnUntraced(function* (
  options: ServiceOptions
): Effect.fn.Return<ServiceProcess, ServiceFailed, Scope.Scope> {
  const { child, exited } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const log = openSync(options.logFile, "a")
      const [bundle, ...args] = programs[options.name]
      const child = spawn(
        process.execPath,
        [
          ...nodeFlagsOf(options.name),
          ...(options.nodeArgs ?? []),
          options.script ?? bundle,
          ...args,
          ...(options.args ?? [])
        ],
        {
          cwd: repository,
          // As the scripts in package.json set it.
          env: {
            ...cleanEnvironment(),
            NODE_COMPILE_CACHE: "node_modules/.cache/node",
            ...(isService(options.name) ? { MALLOC_ARENA_MAX: "1" } : {}),
            ...options.env
          },
          stdio: ["ignore", log, log]
        }
      )
      closeSync(log)
      const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
        child.once("exit", (code, signal) => resolve(code ?? signal))
        child.once("error", () => resolve(null))
      })
      return { child, exited }
    }),
    ({ child, exited }) =>
      Effect.promise(async () => {
        child.kill("SIGKILL")
        await exited
      })
  )
  const { pid } = child
  if (pid === undefined) return yield* failed(options, "could not be started")
  return {
    name: options.name,
    pid,
    ends: Effect.flatMap(
      Effect.promise(() => exited),
      (code) => (code === 0 ? Effect.void : failed(options, `ended with ${code}`))
    ),
    endsEarly: Effect.flatMap(
      Effect.promise(() => exited),
      (code) => failed(options, `ended by itself (${code})`)
    ),
    stop: Effect.suspend(() => {
      child.kill("SIGTERM")
      return Effect.promise(() => exited)
    }).pipe(
      Effect.flatMap((code) => (code === 0 ? Effect.void : failed(options, `ended with ${code} when told to stop`)))
    )
  }
})

/** Runs a command of ours to its end. */
export const runToEnd = (options: ServiceOptions): Effect.Effect<void, ServiceFailed> =>
  Effect.scoped(Effect.flatMap(startService(options), ({ ends }) => ends))
