/** One server of ours as an operating-system process that can be stopped, killed and started again on the same data. */
import { Duration, Effect, Option, Schedule, Semaphore } from "effect"
import type { Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { tail } from "./command.ts"
import type { Guard } from "./Guard.ts"
import type { NoAnswer } from "./probe.ts"
import { ServerFailed, type ServerName } from "./ServerErrors.ts"
import type { SystemUser } from "./SystemUser.ts"

/** What a test may do to a server. Each effect waits until it is so: gone, or answering. All may be repeated. */
export interface ServerProcess {
  /** None while it is down. */
  readonly pid: Effect.Effect<Option.Option<number>>
  /** Sends it a signal, while it runs: with SIGSTOP it takes connections and answers nothing. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Starts it on the same port and data; nothing to do while it runs. */
  readonly start: Effect.Effect<void, ServerFailed>
  /** Shuts it down in good order, its data on disk; killed if that takes more than 30 s. */
  readonly stop: Effect.Effect<void>
  /** SIGKILL, as a crash would end it. */
  readonly kill: Effect.Effect<void>
  /** Stops it and starts it on the same port and data. */
  readonly restart: Effect.Effect<void, ServerFailed>
  /** What it has written since it was first started. */
  readonly log: Effect.Effect<string>
}

const startWithin = Duration.minutes(1)

interface Running {
  readonly child: ChildProcess
  readonly exited: Promise<void>
}

/** A process that could not even be spawned has no pid. */
const isAlive = ({ child }: Running): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null

/** Fails with `ServerFailed` when it exits before it answers, or answers nothing for a minute. */
export const startServerProcess = Effect.fnUntraced(function* (options: {
  readonly server: ServerName
  readonly guard: Guard
  readonly executable: string
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly user?: SystemUser | undefined
  /** The signal that asks for a shutdown in good order. */
  readonly stopSignal: NodeJS.Signals
  /** The signal for when the data is thrown away. */
  readonly discardSignal: NodeJS.Signals
  /** Succeeds once the server answers. */
  readonly answers: Effect.Effect<void, NoAnswer>
}): Effect.fn.Return<ServerProcess, ServerFailed, Scope.Scope> {
  const { guard, server } = options
  const logFile = join(guard.folder, "server.log")
  const oneAtATime = yield* Semaphore.make(1)
  let current: Running | undefined

  const log = Effect.promise(() => readFile(logFile, "utf8").catch(() => ""))
  const failed = (problem: string) =>
    Effect.flatMap(log, (text) => Effect.fail(new ServerFailed({ server, problem, log: tail(text, 30) })))

  const spawnServer = Effect.sync(() => {
    const log = openSync(logFile, "a")
    // A process group of its own: Ctrl-C in the terminal is for us, who then stop the server.
    const child = spawn(options.executable, options.args, {
      cwd: guard.folder,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", log, log],
      detached: true,
      ...options.user
    })
    closeSync(log)
    const exited = new Promise<void>((resolve) => {
      child.once("exit", () => resolve())
      child.once("error", () => resolve())
    })
    void exited.then(() => guard.watch(undefined))
    guard.watch(child.pid)
    current = { child, exited }
    return current
  })

  const end = (signal: NodeJS.Signals, patienceMillis: number) =>
    Effect.promise(async () => {
      const running = current
      current = undefined
      if (running === undefined || !isAlive(running)) return
      running.child.kill(signal)
      if (signal !== "SIGKILL") running.child.kill("SIGCONT")
      const killer = setTimeout(() => running.child.kill("SIGKILL"), patienceMillis)
      await running.exited
      clearTimeout(killer)
    })

  const spawnAndWait = Effect.gen(function* () {
    const { child, exited } = yield* spawnServer
    const exitedEarly = Effect.promise(() => exited).pipe(
      Effect.andThen(Effect.suspend(() => failed(`exited on its start (${child.exitCode ?? child.signalCode})`)))
    )
    yield* options.answers.pipe(
      Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: startWithin }))),
      Effect.catch((error) => failed(`did not answer within ${Duration.format(startWithin)}: ${error.reason}`)),
      Effect.raceFirst(exitedEarly)
    )
  })

  const start = Effect.suspend(() =>
    current !== undefined && isAlive(current)
      ? Effect.void
      : spawnAndWait.pipe(
          // What a killed server leaves behind (its children, shared memory, a socket) the kernel clears a moment after
          // the process itself, and until then a new one exits at once.
          Effect.retry({
            schedule: Schedule.exponential("50 millis"),
            times: 5,
            while: () => current?.child.pid !== undefined && !isAlive(current)
          }),
          Effect.tapError(() => end("SIGKILL", 0))
        )
  )
  const stop = end(options.stopSignal, 30_000)

  yield* Effect.addFinalizer(() => end(options.discardSignal, 5000))
  yield* start

  const pid = Effect.sync(() =>
    current !== undefined && isAlive(current) ? Option.fromUndefinedOr(current.child.pid) : Option.none()
  )
  return {
    pid,
    signal: (signal) => Effect.map(pid, (found) => void process.kill(Option.getOrThrow(found), signal)),
    start: oneAtATime.withPermit(start),
    stop: oneAtATime.withPermit(stop),
    kill: oneAtATime.withPermit(end("SIGKILL", 0)),
    restart: oneAtATime.withPermit(Effect.andThen(stop, start)),
    log
  }
})
