/** The marts alone: CDM from a full `cdm-service-stats`, each round with a database and a consumer group of its own. */
import { Effect } from "effect"
import { type Bench, inRounds, type Measured, say } from "../run.ts"
import { checkMarts, compareMarts } from "../comparison.ts"
import { atLeast, figureOf } from "../figures.ts"
import { peakMemory, cpuSeconds } from "../processUsage.ts"
import { makeRound } from "../round.ts"
import { clientsOf, makeWorkplace, type Workplace } from "../servers.ts"
import { startStage, stopAll, untilReady, untilThrough, whileRunning } from "../stages.ts"

const measureOnce = (bench: Bench, filled: Workplace) =>
  Effect.scoped(
    Effect.gen(function* () {
      const own = yield* makeWorkplace(bench.servers, bench.folder)
      const { TOPIC_CDM_STATS = "" } = filled.environment
      const workplace = { ...own, environment: { ...own.environment, TOPIC_CDM_STATS } }
      const cdm = yield* startStage("cdm", workplace, { folder: bench.folder })
      const readyAt = yield* whileRunning(
        [cdm],
        Effect.andThen(
          untilReady(cdm.port),
          Effect.sync(() => performance.now())
        )
      )
      yield* whileRunning([cdm], untilThrough("cdm")).pipe(Effect.provide(clientsOf(workplace)))
      const endedAt = performance.now()
      const cpu = yield* cpuSeconds(cdm.pid)
      const memory = yield* peakMemory(cdm.pid)
      yield* stopAll([cdm])
      yield* compareMarts(workplace.databaseUrl, filled.databaseUrl)
      yield* checkMarts(workplace.databaseUrl)
      return {
        seconds: (endedAt - cdm.startedAt) / 1_000,
        secondsFromReady: (endedAt - readyAt) / 1_000,
        cpu,
        memory
      }
    })
  )

export const measureMarts = (bench: Bench) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { orders, rounds } = bench
      yield* say(`the marts alone: filling cdm-service-stats with ${orders} orders`)
      const { workplace } = yield* makeRound(bench, orders)
      const measured = yield* inRounds(rounds, (round) =>
        Effect.andThen(say(`the marts alone: round ${round} of ${rounds}`), measureOnce(bench, workplace))
      )
      const result: Measured = {
        figures: [
          figureOf(
            "marts.ordersPerSecond",
            "CDM alone, from ready until all is counted",
            "1/s",
            measured.map(({ secondsFromReady }) => orders / secondsFromReady),
            atLeast(15_000)
          ),
          figureOf(
            "marts.ordersPerSecondFromStart",
            "  from starting the process",
            "1/s",
            measured.map(({ seconds }) => orders / seconds)
          ),
          figureOf(
            "marts.cpu",
            "  CDM",
            "CPU-s",
            measured.map(({ cpu }) => cpu)
          ),
          figureOf(
            "marts.memory",
            "  peak memory",
            "MiB",
            measured.map(({ memory }) => memory)
          )
        ],
        notes: [
          "Each round's ledger, counters and tags are those that the load in SQL gave, and agree with each other."
        ]
      }
      return result
    })
  )
