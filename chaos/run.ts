/** One run: the system under load goes through a plan, and is then held against the oracle. */
import { Clock, Effect, Ref } from "effect"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { untilCaughtUp } from "./catchUp.ts"
import { startFeeder } from "./Feeder.ts"
import { divergences, lostByKafka } from "./judge.ts"
import type { Step } from "./plan.ts"
import { strike, type Struck } from "./strike.ts"
import { startSystem, type System, type SystemOptions } from "./system.ts"

export interface RunOptions extends SystemOptions {
  readonly plan: ReadonlyArray<Step>
  readonly messagesPerSecond: number
  /** A folder for what the services wrote, a file a replica. */
  readonly logsTo?: string
  /** Told what goes on, now and then. */
  readonly progress: (done: number, note: string) => Effect.Effect<void>
}

export interface StepMeasured {
  readonly faults: Step["faults"]
  /** From the moment each fault was mended until the marts had all that had come by then; in the order of `faults`. */
  readonly catchUpMillis: ReadonlyArray<number>
}

export interface RunMeasured {
  readonly steps: ReadonlyArray<StepMeasured>
  readonly messages: number
  readonly seconds: number
  /** What the state that was compared consists of: a comparison of nothing proves nothing. */
  readonly compared: {
    readonly orders: number
    readonly counters: number
    readonly tags: number
    readonly deadLetters: number
    readonly parked: number
  }
  /** None if the system is exactly where it must be. */
  readonly divergences: ReadonlyArray<string>
}

const writeLogs = ({ fleet }: System, folder: string) =>
  Effect.promise(async () => {
    await mkdir(folder, { recursive: true })
    for (const [name, log] of fleet.logs()) await writeFile(join(folder, `${name}.log`), log)
  })

/** Fails when a service ends by itself, does not end as told, or the system does not catch up. */
export const run = Effect.fnUntraced(function* (options: RunOptions) {
  const { messagesPerSecond, plan, progress } = options
  yield* progress(0, "starting the servers and services")
  const system = yield* startSystem(options)

  const goThrough = Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const feeder = yield* startFeeder(system.source, messagesPerSecond)
    const measured = yield* Ref.make<ReadonlyArray<StepMeasured>>([])
    const saw = (left: string) =>
      Effect.flatMap(Ref.get(measured), (steps) => progress(steps.length, `${feeder.sent().length} sent, ${left}`))
    // The groups stand: members that vanish while one begins keep it from beginning for as long as they might come back.
    yield* untilCaughtUp(feeder, saw)
    for (const { faults, waitMillis } of plan) {
      yield* Effect.sleep(waitMillis)
      const struck: ReadonlyArray<Struck> = yield* Effect.forEach(faults, (fault) => strike(system, fault), {
        concurrency: "unbounded"
      })
      const caughtUpAt = yield* untilCaughtUp(feeder, saw)
      const catchUpMillis = struck.map(({ mendedAt }) => caughtUpAt - mendedAt)
      yield* Ref.update(measured, (steps) => [...steps, { faults, catchUpMillis }])
    }
    yield* progress(plan.length, `${feeder.sent().length} sent, sending the rest`)
    yield* feeder.finish
    yield* progress(plan.length, `${feeder.sent().length} sent, comparing with the oracle`)
    const { expected, found } = yield* divergences(system)
    const lost = yield* lostByKafka(feeder.sent())
    yield* system.fleet.allReady
    const result: RunMeasured = {
      steps: yield* Ref.get(measured),
      messages: feeder.sent().length,
      seconds: ((yield* Clock.currentTimeMillis) - startedAt) / 1_000,
      compared: {
        orders: expected.stgOrderEvents.length,
        counters: expected.userProductCounters.length + expected.userCategoryCounters.length,
        tags: expected.userTags.length,
        deadLetters: expected.deadLetters.length,
        parked: expected.parked.length
      },
      divergences: [...lost, ...found]
    }
    yield* system.fleet.stopAll
    return result
  })
  return yield* Effect.raceFirst(goThrough, system.fleet.misbehaves).pipe(
    Effect.provide(system.clients),
    Effect.ensuring(options.logsTo === undefined ? Effect.void : writeLogs(system, options.logsTo))
  )
})
