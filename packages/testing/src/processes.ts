/** Metka's processes as an operator runs them: spawned, looked at over HTTP, signalled, and gone with the scope. */
import { Duration, Effect, Schema } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { eventually } from "./eventually.ts"

export const repository = fileURLToPath(new URL("../../..", import.meta.url))
const node = `${repository}/node_modules/.bin/node`

export type Environment = Readonly<Record<string, string>>

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Process {
  readonly pid: number | undefined
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits for the end of the process. */
  readonly exit: Effect.Effect<Exit>
  /** Undefined while it runs. */
  readonly ended: () => Exit | undefined
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/** A process that could not be asked over HTTP. */
export class NoReply extends Schema.TaggedError<NoReply>()("NoReply", { message: Schema.String }) {}

/** Starts node with these arguments; of this process's environment it gets nothing but `PATH` and `HOME`. */
export const startProcess = (args: ReadonlyArray<string>, env: Environment) =>
  Effect.acquireRelease(
    Effect.sync((): Process => {
      const { HOME = "", PATH = "" } = process.env
      const child = spawn(node, args, {
        cwd: repository,
        // As the scripts in package.json set it.
        env: { HOME, PATH, NODE_COMPILE_CACHE: "node_modules/.cache/node", ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      const output = { stdout: "", stderr: "" }
      let ended: Exit | undefined
      for (const name of ["stdout", "stderr"] as const) {
        child[name].setEncoding("utf8").on("data", (text: string) => {
          output[name] += text
        })
      }
      const exit = new Promise<Exit>((resolve, reject) => {
        child.once("error", reject)
        // After "close" nothing more comes out of it; "exit" may be earlier.
        child.once("close", (code, signal) => {
          ended = { code, signal }
          resolve(ended)
        })
      })
      return {
        pid: child.pid,
        stdout: () => output.stdout,
        stderr: () => output.stderr,
        exit: Effect.promise(() => exit),
        ended: () => ended,
        signal: (signal) => Effect.sync(() => void child.kill(signal))
      }
    }),
    (started) => (started.ended() === undefined ? Effect.andThen(started.signal("SIGKILL"), started.exit) : Effect.void)
  )

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs node to its end. */
export const runProcess = (args: ReadonlyArray<string>, env: Environment): Effect.Effect<Finished> =>
  Effect.scoped(
    Effect.gen(function* () {
      const started = yield* startProcess(args, env)
      const { code } = yield* started.exit
      return { code, stdout: started.stdout(), stderr: started.stderr() }
    })
  )

export const metkaMain = "dist/metka.mjs"

/** `metka …`, which must end well. */
export const metka = Effect.fnUntraced(function* (env: Environment, ...args: ReadonlyArray<string>) {
  const finished = yield* runProcess([metkaMain, ...args], env)
  if (finished.code !== 0) {
    return yield* Effect.die(new Error(`metka ${args.join(" ")} exited with ${finished.code}: ${finished.stderr}`))
  }
  return finished.stdout
})

/** On a machine that has much else to do. */
const startsWithin = "60 seconds"

export type ServiceName = "stg" | "dds" | "cdm"

export const mainOf = (service: ServiceName): string => `dist/${service}.mjs`

/** A process that answers on a port. */
export interface Listener extends Process {
  readonly port: number
  /** Status and text of a page. */
  readonly get: (path: string) => Effect.Effect<{ readonly status: number; readonly text: string }, NoReply>
  readonly isReady: Effect.Effect<boolean>
  /** Fails with the output when it does not become ready, or ends. */
  readonly becomesReady: Effect.Effect<void, Error>
  readonly becomesUnready: Effect.Effect<void, Error>
  /** SIGTERM, and how it ended; fails when it has not within 2 seconds. */
  readonly terminate: Effect.Effect<Exit, Error>
}

export interface ServiceProcess extends Listener {
  readonly service: ServiceName
}

const startListener = Effect.fnUntraced(function* (
  name: string,
  args: ReadonlyArray<string>,
  env: Environment,
  port: number
) {
  const started = yield* startProcess(args, { ...env, HTTP_PORT: String(port) })
  const get = (path: string) =>
    Effect.tryPromise({
      try: async () => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_000) })
        return { status: response.status, text: await response.text() }
      },
      catch: (error) => new NoReply({ message: `${name}${path}: ${String(error)}` })
    })
  const isReady = get("/health/ready").pipe(
    Effect.map(({ status }) => status === 200),
    Effect.orElseSucceed(() => false)
  )
  const describe = () => `${name}:\n${started.stdout().slice(-2_000)}\n${started.stderr().slice(-2_000)}`
  const result: Listener = {
    ...started,
    port,
    get,
    isReady,
    becomesReady: eventually(
      `${name} is ready`,
      Effect.map(isReady, (ready) => (ready && started.ended() === undefined ? [] : [describe()])),
      startsWithin
    ),
    becomesUnready: eventually(
      `${name} says that it is not ready`,
      get("/health/ready").pipe(
        Effect.map(({ status, text }) => (status === 503 ? [] : [text, describe()])),
        Effect.catch((error) => Effect.succeed([error.message, describe()]))
      )
    ),
    terminate: Effect.andThen(started.signal("SIGTERM"), started.exit).pipe(
      Effect.timeoutOrElse({
        duration: Duration.seconds(2),
        orElse: () => Effect.fail(new NoReply({ message: `2 s after SIGTERM it still runs, ${describe()}` }))
      })
    )
  }
  return result
})

export const startService = (service: ServiceName, env: Environment, port: number) =>
  Effect.map(startListener(service, [mainOf(service)], env, port), (listener): ServiceProcess => ({
    ...listener,
    service
  }))

/** `npm run console`. */
export const startConsole = (env: Environment, port: number) =>
  startListener("console", [metkaMain, "console"], env, port)
