/** The three services, each a process of its own, in a workplace. */
import { Kafka } from "@metka/core/Kafka"
import { inputsOf, Topology } from "@metka/core/Topology"
import { freePort } from "@metka/testing/servers"
import { Data, Effect } from "effect"
import { join } from "node:path"
import type { Workplace } from "./servers.ts"
import { type ProgramName, type ServiceProcess, startService } from "./ServiceProcess.ts"

export const stageNames = ["stg", "dds", "cdm"] as const
export type StageName = (typeof stageNames)[number]

/** One of each, as measured or as running. */
export type OfStages<A> = Readonly<Record<StageName, A>>

export const perStage = <A, E, R>(each: (stage: StageName) => Effect.Effect<A, E, R>) =>
  Effect.all({ stg: each("stg"), dds: each("dds"), cdm: each("cdm") })

export interface Program extends ServiceProcess {
  readonly port: number
  /** By `performance.now()`. */
  readonly startedAt: number
}

export interface StageOptions {
  /** For logs. */
  readonly folder: string
  readonly args?: ReadonlyArray<string>
  readonly nodeArgs?: (name: ProgramName) => ReadonlyArray<string>
  /** Instead of the bundle. */
  readonly script?: (name: ProgramName) => string | undefined
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a program as a server with a port of its own; killed with the scope. */
export const startProgram = Effect.fnUntraced(function* (
  name: ProgramName,
  environment: Readonly<Record<string, string>>,
  { args, env, folder, nodeArgs, script }: StageOptions
) {
  const port = yield* freePort
  const startedAt = performance.now()
  const service = yield* startService({
    name,
    args: args ?? [],
    nodeArgs: nodeArgs?.(name) ?? [],
    script: script?.(name),
    env: { ...environment, ...env, HTTP_PORT: String(port) },
    logFile: join(folder, `${name}.log`)
  })
  const program: Program = { ...service, port, startedAt }
  return program
})

/** Starts one of the services. */
export const startStage = (name: StageName, workplace: Workplace, options: StageOptions) =>
  startProgram(name, workplace.environment, options)

/** Starts all of them, and waits until they are ready. */
export const startReadyStages = Effect.fnUntraced(function* (workplace: Workplace, options: StageOptions) {
  const { cdm, dds, stg } = yield* perStage((name) => startStage(name, workplace, options))
  const programs: ReadonlyArray<Program> = [stg, dds, cdm]
  yield* whileRunning(
    programs,
    Effect.forEach(programs, ({ port }) => untilReady(port), { discard: true })
  )
  return programs
})

/** Fails when one of these programs ends before it is told to. */
export const whileRunning = <A, E, R>(programs: ReadonlyArray<Program>, effect: Effect.Effect<A, E, R>) =>
  Effect.raceAllFirst([effect, ...programs.map(({ endsEarly }) => endsEarly)])

export const stopAll = (programs: ReadonlyArray<Program>) =>
  Effect.forEach(programs, ({ stop }) => stop, { concurrency: "unbounded", discard: true })

const untilAnswer = (url: string, isAnswer: (response: Response) => boolean) =>
  Effect.promise((signal) => fetch(url, { signal }).then(isAnswer, () => false)).pipe(
    Effect.flatMap((answered) => (answered ? Effect.succeed(true) : Effect.as(Effect.sleep("10 millis"), false))),
    Effect.repeat({ until: (answered) => answered })
  )

/** Waits until something answers on the port, whatever it says. */
export const answers = (port: number) => untilAnswer(`http://127.0.0.1:${port}/`, () => true)

/** Waits until a service says that it is ready. */
export const untilReady = (port: number) =>
  untilAnswer(`http://127.0.0.1:${port}/health/ready`, ({ status }) => status === 200)

/** The milliseconds from its start until a program is ready. */
export const readyAfter = ({ port, startedAt }: Program) =>
  Effect.map(untilReady(port), () => performance.now() - startedAt)

export class Stalled extends Data.TaggedError("Stalled")<{ readonly message: string }> {}

/** Each look takes of the two cores what the services would have had: seldom while much is left, often towards the end. */
const lookAgainMillis = { least: 20, most: 250 }
/** No record committed by a stage for so long: something is wrong, and waiting on would hide it. */
const stalledAfterMillis = 60_000

/** What each stage reads: how far it has got, and what is left of it, in records. */
export const positionOf = Effect.fnUntraced(function* (stage: StageName) {
  const input = inputsOf(yield* Topology)[stage]
  const partitions = yield* (yield* Kafka).lag(...input)
  const done = partitions.reduce((sum, { committed }) => sum + committed, 0)
  return { done, left: partitions.reduce((sum, { end }) => sum + end, 0) - done }
})

/** Waits until a stage has committed all there is in its input. */
export const untilThrough = Effect.fnUntraced(function* (stage: StageName) {
  let before = Infinity
  let movedAt = performance.now()
  /** How long what is left would take at the rate of the last records. */
  let millisLeft = Infinity
  for (;;) {
    const { left } = yield* positionOf(stage)
    const now = performance.now()
    if (left === 0) return
    if (left !== before) {
      millisLeft = left < before && before < Infinity ? (left / (before - left)) * (now - movedAt) : Infinity
      before = left
      movedAt = now
    } else if (now - movedAt > stalledAfterMillis) {
      return yield* new Stalled({ message: `${stage} does not move, with ${left} records before it` })
    } else {
      millisLeft = Math.max(millisLeft * 2, lookAgainMillis.least)
    }
    yield* Effect.sleep(Math.min(Math.max(millisLeft / 2, lookAgainMillis.least), lookAgainMillis.most))
  }
})

/**
 * Waits for one stage after the other: a stage publishes before it commits, so one without lag has sent all it will,
 * once the one before it is done. Gives the seconds from `startedAt` until each was through.
 */
export const untilAllThrough = (startedAt: number) =>
  perStage((stage) => Effect.map(untilThrough(stage), () => (performance.now() - startedAt) / 1_000))
