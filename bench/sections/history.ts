/** The week of orders from the orders topic to exact marts and tags, beside one load in SQL. */
import { Effect } from "effect"
import { type Bench, inRounds, type Measured, say } from "../run.ts"
import { atMost, type Figure, figureOf, type Target } from "../figures.ts"
import { measureRound, type RoundMeasured } from "../round.ts"
import { median } from "../statistics.ts"

type Read = (round: RoundMeasured) => number

const servicesCpu: Read = ({ history: { cpu } }) => cpu.stg + cpu.dds + cpu.cdm
const allCpu: Read = (round) => {
  const { kafka, postgres, redis } = round.history.cpu
  return servicesCpu(round) + postgres + kafka + redis
}

const historyFigures = (orders: number, rounds: ReadonlyArray<RoundMeasured>): ReadonlyArray<Figure> => {
  const figure = (id: string, text: string, unit: string, of: Read, target?: Target) =>
    figureOf(`history.${id}`, text, unit, rounds.map(of), target)
  const besideLoad = (id: string, text: string, unit: string, of: Read, ofLoad: Read): Figure => ({
    ...figure(id, text, unit, of),
    toLoad: median(rounds.map((round) => of(round) / ofLoad(round)))
  })
  const cpu = (id: keyof RoundMeasured["history"]["cpu"], text: string) =>
    figure(`cpu.${id}`, `  ${text}`, "CPU-s", ({ history }) => history.cpu[id])
  const peak = (id: keyof RoundMeasured["history"]["peakMemory"], text: string) =>
    figure(`memory.${id}`, `peak memory, ${text}`, "MiB", ({ history }) => history.peakMemory[id], atMost(160))

  return [
    figure(
      "ratio",
      "services ÷ load in SQL",
      "×",
      ({ baseline, history }) => history.seconds / baseline.seconds,
      atMost(1.2, "ratio")
    ),
    besideLoad(
      "seconds",
      "from starting three services until the marts have all",
      "s",
      ({ history }) => history.seconds,
      ({ baseline }) => baseline.seconds
    ),
    besideLoad(
      "secondsFromReady",
      "  from the first of them ready",
      "s",
      ({ history }) => history.secondsFromReady,
      ({ baseline }) => baseline.seconds
    ),
    figure("stage.stg", "  STG through, from the start", "s", ({ history }) => history.stageSeconds.stg),
    figure("stage.dds", "  DDS through", "s", ({ history }) => history.stageSeconds.dds),
    figure("stage.cdm", "  CDM through", "s", ({ history }) => history.stageSeconds.cdm),
    figure("ordersPerSecond", "orders, from the start", "1/s", ({ history }) => orders / history.seconds),
    figure("load.ordersPerSecond", "orders, load in SQL", "1/s", ({ baseline }) => orders / baseline.seconds),
    figure("load.seconds", "load in SQL: one COPY, set-based statements", "s", ({ baseline }) => baseline.seconds),
    figure("load.copySeconds", "  of it the COPY", "s", ({ baseline }) => baseline.copySeconds),
    figure("load.cpu", "  PostgreSQL and psql", "CPU-s", ({ baseline }) => baseline.cpu),
    besideLoad("cpu.all", "services and servers", "CPU-s", allCpu, ({ baseline }) => baseline.cpu),
    cpu("stg", "STG"),
    cpu("dds", "DDS"),
    cpu("cdm", "CDM"),
    cpu("postgres", "PostgreSQL"),
    cpu("kafka", "Kafka"),
    cpu("redis", "Redis"),
    peak("stg", "STG"),
    peak("dds", "DDS"),
    peak("cdm", "CDM"),
    besideLoad(
      "wal",
      "WAL written",
      "MiB",
      ({ history }) => history.writtenAheadMib,
      ({ baseline }) => baseline.writtenAheadMib
    ),
    besideLoad(
      "database",
      "database afterwards",
      "MiB",
      ({ history }) => history.databaseMib,
      ({ baseline }) => baseline.databaseMib
    ),
    figure("publishSeconds", "publishing the messages, before the clock", "s", ({ publishSeconds }) => publishSeconds)
  ]
}

export const measureHistory = Effect.fnUntraced(function* (bench: Bench) {
  const { orders, rounds } = bench
  const measured = yield* inRounds(rounds, (round) =>
    Effect.andThen(
      say(`round ${round} of ${rounds}: ${orders} orders through the services, then the load in SQL`),
      measureRound(bench, orders)
    )
  )
  const result: Measured = {
    figures: historyFigures(orders, measured),
    notes: measured
      .slice(-1)
      .flatMap(({ baseline, rows }) => [
        `All ${Object.keys(rows).length} tables say the same in both, ` +
          `${Object.values(rows).reduce((sum, count) => sum + count, 0)} rows.`,
        "Longest in the load:",
        ...baseline.slowest.map(({ seconds, statement }) => `  ${seconds.toFixed(2)} s  ${statement}`)
      ])
  }
  return result
})
