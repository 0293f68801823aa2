/** A million orders: whether the last are as fast as the first, and whether memory stays where it is. */
import { Kafka } from "@metka/core/Kafka"
import { Topology } from "@metka/core/Topology"
import { Effect, Fiber } from "effect"
import { checkMarts } from "../comparison.ts"
import { atLeast, atMost, figureOf } from "../figures.ts"
import { peakBetween, rateBetween, type Sample } from "../growth.ts"
import { loadReferences, publishOrders } from "../input.ts"
import { residentMemory } from "../processUsage.ts"
import { type Bench, type Measured, say, weekOf } from "../run.ts"
import { clientsOf, makeWorkplace } from "../servers.ts"
import { type Program, startReadyStages, stopAll, untilAllThrough, whileRunning } from "../stages.ts"

/** Messages published and not yet through: enough for full batches, and all stages at work until the end. */
const mostAhead = 20_000
const sampleEvery = "500 millis"

const throughCdm = Effect.gen(function* () {
  const topology = yield* Topology
  const partitions = yield* (yield* Kafka).lag(topology.cdmStats, topology.groupCdm)
  return partitions.reduce((sum, { committed }) => sum + committed, 0)
})

const takeSamples = Effect.fnUntraced(function* (
  programs: ReadonlyArray<Program>,
  samples: Array<Sample>,
  messages: number
) {
  const startedAt = performance.now()
  let told = 0
  for (;;) {
    const memory = yield* Effect.forEach(programs, ({ pid }) => residentMemory(pid))
    const done = yield* throughCdm
    samples.push({
      atSeconds: (performance.now() - startedAt) / 1_000,
      done,
      memory: memory.reduce((sum, value) => sum + value, 0)
    })
    const tenth = Math.floor((done * 10) / messages)
    if (tenth > told) yield* say(`growth: ${done} of ${messages} messages through`)
    told = Math.max(told, tenth)
    yield* Effect.sleep(sampleEvery)
  }
})

/** @param orders a tenth of them is what the last and the first are compared by */
export const measureGrowth = (bench: Bench, orders: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const workplace = yield* makeWorkplace(bench.servers, bench.folder)
      const week = weekOf(bench, orders)
      const messages = week.messageCount
      const tenth = messages / 10
      const samples: Array<Sample> = []
      yield* say(`growth: ${orders} orders, never more than ${mostAhead} messages ahead of the marts`)
      yield* Effect.gen(function* () {
        yield* loadReferences(week)
        const programs = yield* startReadyStages(workplace, bench)
        const sampling = yield* Effect.forkChild(takeSamples(programs, samples, messages))
        let published = 0
        const hold = (count: number) =>
          Effect.gen(function* () {
            published += count
            while (published - (yield* throughCdm) > mostAhead) yield* Effect.sleep("50 millis")
          })
        yield* whileRunning(programs, Effect.andThen(publishOrders(week, hold), untilAllThrough(performance.now())))
        yield* Effect.sleep(sampleEvery)
        yield* Fiber.interrupt(sampling)
        yield* stopAll(programs)
      }).pipe(Effect.provide(clientsOf(workplace)))
      yield* checkMarts(workplace.databaseUrl)
      const first = rateBetween(samples, 0, tenth)
      const last = rateBetween(samples, messages - tenth, messages)
      const early = peakBetween(samples, tenth, 2 * tenth)
      const late = peakBetween(samples, messages - tenth, messages)
      const result: Measured = {
        figures: [
          figureOf(
            "growth.ratio",
            `${orders} orders: rate of the last tenth ÷ of the first`,
            "×",
            [last / first],
            atLeast(0.8, "ratio")
          ),
          figureOf("growth.first", "  messages, first tenth", "1/s", [first]),
          figureOf("growth.last", "  messages, last tenth", "1/s", [last]),
          figureOf(
            "growth.memory",
            "  memory of the three services, last tenth ÷ second",
            "×",
            [late / early],
            atMost(1.1, "ratio")
          ),
          figureOf("growth.memory.late", "  memory of the three services, last tenth", "MiB", [late])
        ],
        notes: ["Counters are the sums of the ledger, tags are what the rules give."]
      }
      return result
    })
  )
