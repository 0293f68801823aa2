/** A million orders: whether the last are as fast as the first, and whether memory stays where it is. */
import type { DemoWeek } from "@metka/cli/demo/demoWeek"
import { Effect, Fiber } from "effect"
import { checkMarts } from "../comparison.ts"
import { atLeast, atMost, figureOf } from "../figures.ts"
import { peakBetween, rateBetween, type Sample } from "../growth.ts"
import { createTopics, loadReferences, publishOrders } from "../input.ts"
import { residentMemory } from "../processUsage.ts"
import { type Bench, type Measured, say, weekOf } from "../run.ts"
import { clientsOf, makeWorkplace } from "../servers.ts"
import {
  perStage,
  positionOf,
  type Program,
  startReadyStages,
  stopAll,
  untilAllThrough,
  whileRunning
} from "../stages.ts"

/** Messages published and not yet through: enough for full batches, and all stages at work until the end. */
const mostAhead = 20_000
const sampleEvery = "500 millis"

/** Records before all stages together. */
const ahead = Effect.map(perStage(positionOf), ({ cdm, dds, stg }) => stg.left + dds.left + cdm.left)

const takeSample = Effect.fnUntraced(function* (programs: ReadonlyArray<Program>, startedAt: number) {
  const memory = yield* Effect.forEach(programs, ({ pid }) => residentMemory(pid))
  const { done } = yield* positionOf("cdm")
  const sample: Sample = {
    atSeconds: (performance.now() - startedAt) / 1_000,
    done,
    memory: memory.reduce((sum, value) => sum + value, 0)
  }
  return sample
})

/** From time to time while `work` lasts, and once when it is done. */
const sampled = Effect.fnUntraced(function* <E, R>(
  programs: ReadonlyArray<Program>,
  messages: number,
  work: Effect.Effect<void, E, R>
) {
  const startedAt = performance.now()
  const samples: Array<Sample> = []
  const sampling = yield* Effect.forkChild(
    Effect.gen(function* () {
      let told = 0
      for (;;) {
        const sample = yield* takeSample(programs, startedAt)
        samples.push(sample)
        const tenth = Math.floor((sample.done * 10) / messages)
        if (tenth > told) yield* say(`growth: ${sample.done} of ${messages} messages through`)
        told = Math.max(told, tenth)
        yield* Effect.sleep(sampleEvery)
      }
    })
  )
  yield* work
  yield* Fiber.interrupt(sampling)
  samples.push(yield* takeSample(programs, startedAt))
  return samples
})

/** Publishes the week as fast as it gets through, and waits for its end. */
const feed = (week: DemoWeek) =>
  Effect.gen(function* () {
    const hold = Effect.gen(function* () {
      while ((yield* ahead) > mostAhead) yield* Effect.sleep("50 millis")
    })
    yield* publishOrders(week, () => hold)
    yield* untilAllThrough(performance.now())
  })

/** @param orders a tenth of them is what the last and the first are compared by */
export const measureGrowth = (bench: Bench, orders: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const workplace = yield* makeWorkplace(bench.servers, bench.folder)
      const week = weekOf(bench, orders)
      yield* say(`growth: ${orders} orders, never more than ${mostAhead} messages ahead of the marts`)
      const samples = yield* Effect.gen(function* () {
        yield* loadReferences(week)
        // Before the services do: a client that looks while a topic is being created may see it empty for minutes.
        yield* createTopics
        const programs = yield* startReadyStages(workplace, bench)
        const samples = yield* whileRunning(programs, sampled(programs, week.messageCount, feed(week)))
        yield* stopAll(programs)
        return samples
      }).pipe(Effect.provide(clientsOf(workplace)))
      yield* checkMarts(workplace.databaseUrl)
      // Somewhat less than was published: STG passes over a version that came together with a newer one.
      const messages = samples.at(-1)?.done ?? 0
      const tenth = messages / 10
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
