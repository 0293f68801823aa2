/** What the services cost while nothing arrives, and how long they take to be ready. */
import { Effect } from "effect"
import { atMost, figureOf } from "../figures.ts"
import { cpuSeconds, residentMemory } from "../processUsage.ts"
import { makeFilledWorkplace } from "../round.ts"
import { type Bench, inRounds, type Measured, say } from "../run.ts"
import { clientsOf, makeWorkplace, type Workplace } from "../servers.ts"
import {
  perStage,
  type Program,
  readyAfter,
  startProgram,
  startReadyStages,
  startStage,
  stopAll,
  untilAllThrough,
  whileRunning
} from "../stages.ts"

/** Services have worked before they rest. */
const ordersBefore = 3_000
/** Until V8 has compiled and collected what the work left behind. */
const settle = "30 seconds"
const idleSeconds = 60

/** CPU in % of one core over `idleSeconds`, and memory afterwards, of each program. */
const rest = Effect.fnUntraced(function* (programs: ReadonlyArray<Program>) {
  yield* Effect.sleep(settle)
  const startedAt = performance.now()
  const before = yield* Effect.forEach(programs, ({ pid }) => cpuSeconds(pid))
  yield* Effect.sleep(idleSeconds * 1_000)
  const after = yield* Effect.forEach(programs, ({ pid }) => cpuSeconds(pid))
  const seconds = (performance.now() - startedAt) / 1_000
  const memory = yield* Effect.forEach(programs, ({ pid }) => residentMemory(pid))
  return { cpu: after.map((now, index) => ((now - (before[index] ?? now)) / seconds) * 100), memory }
})

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

const restingStages = Effect.fnUntraced(function* (bench: Bench, workplace: Workplace) {
  const programs = yield* startReadyStages(workplace, bench)
  return yield* whileRunning(
    programs,
    Effect.andThen(untilAllThrough(performance.now()), rest(programs)).pipe(Effect.provide(clientsOf(workplace)))
  )
})

const restingAll = Effect.fnUntraced(function* (bench: Bench, workplace: Workplace) {
  const program = yield* startProgram("all", workplace.environment, bench)
  return yield* whileRunning(
    [program],
    Effect.gen(function* () {
      yield* readyAfter(program)
      yield* untilAllThrough(performance.now())
      return yield* rest([program])
    }).pipe(Effect.provide(clientsOf(workplace)))
  )
})

/** How long each takes to be ready, one after the other. */
const starts = (bench: Bench) =>
  Effect.scoped(
    Effect.gen(function* () {
      const workplace = yield* makeWorkplace(bench.servers, bench.folder)
      return yield* inRounds(bench.rounds, () =>
        perStage((name) =>
          Effect.scoped(
            Effect.gen(function* () {
              const program = yield* startStage(name, workplace, bench)
              const millis = yield* whileRunning([program], readyAfter(program))
              yield* stopAll([program])
              return millis
            })
          )
        )
      )
    })
  )

const afterWork = <A, E, R>(bench: Bench, use: (workplace: Workplace) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.flatMap(makeFilledWorkplace(bench, ordersBefore), ({ workplace }) => use(workplace)))

export const measureIdle = Effect.fnUntraced(function* (bench: Bench) {
  yield* say("idle: from start to ready")
  const ready = yield* starts(bench)
  yield* say(`idle: three services for ${idleSeconds} s, after ${ordersBefore} orders`)
  const three = yield* afterWork(bench, (workplace) => restingStages(bench, workplace))
  yield* say(`idle: one process for all of it for ${idleSeconds} s, after ${ordersBefore} orders`)
  const one = yield* afterWork(bench, (workplace) => restingAll(bench, workplace))
  const startOf = (name: "stg" | "dds" | "cdm", text: string) =>
    figureOf(
      `idle.ready.${name}`,
      `from start to ready: ${text}`,
      "ms",
      ready.map((millis) => millis[name]),
      atMost(1_000)
    )
  const memoryOf = (index: number, name: string, text: string) =>
    figureOf(`idle.memory.${name}`, `  memory, ${text}`, "MiB", [three.memory[index] ?? Number.NaN], atMost(120))
  const result: Measured = {
    figures: [
      figureOf(
        "idle.cpu",
        `idle: the three services, of one core over ${idleSeconds} s`,
        "%",
        [sum(three.cpu)],
        atMost(1)
      ),
      memoryOf(0, "stg", "STG"),
      memoryOf(1, "dds", "DDS"),
      memoryOf(2, "cdm", "CDM"),
      figureOf("idle.all.cpu", "idle: all in one process, of one core", "%", [sum(one.cpu)], atMost(1)),
      figureOf("idle.all.memory", "  memory", "MiB", [sum(one.memory)], atMost(200)),
      startOf("stg", "STG"),
      startOf("dds", "DDS"),
      startOf("cdm", "CDM")
    ]
  }
  return result
})
