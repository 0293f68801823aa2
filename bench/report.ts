/** Measurements → figures a reader can trust: value, unit, and what each is in ratio to the baseline. */
import { arch, cpus, loadavg, platform, totalmem } from "node:os"
import type { RoundMeasured } from "./round.ts"

export interface Figure {
  readonly id: string
  readonly figure: string
  readonly unit: string
  /** The median of the rounds. */
  readonly value: number
  readonly min: number
  readonly max: number
  /** The median of the rounds' ratios; absent where the baseline has nothing to compare. */
  readonly ratio?: number
}

export interface Report {
  readonly measuredAt: string
  readonly machine: {
    readonly cores: number
    readonly cpu: string
    readonly memoryGib: number
    readonly system: string
    readonly node: string
    readonly postgres: string
    /** Runnable processes, one-minute average, before the first round: above 0 somebody else was at work too. */
    readonly loadBefore: number
  }
  readonly orders: number
  readonly messages: number
  readonly rounds: number
  readonly figures: ReadonlyArray<Figure>
  /** Of the last round. */
  readonly baselineSlowest: RoundMeasured["baseline"]["slowest"]
  readonly rows: Readonly<Record<string, number>>
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}

interface Measure {
  readonly id: string
  readonly figure: string
  readonly unit: string
  readonly of: (round: RoundMeasured) => number
  readonly to?: (round: RoundMeasured) => number
}

const servicesCpu = ({ history: { cpu } }: RoundMeasured): number => cpu.stg + cpu.dds + cpu.cdm
const allCpu = (round: RoundMeasured): number => {
  const { kafka, postgres, redis } = round.history.cpu
  return servicesCpu(round) + postgres + kafka + redis
}

const cpuOf = (id: keyof RoundMeasured["history"]["cpu"], figure: string): Measure => ({
  id: `history.cpu.${id}`,
  figure: `CPU of ${figure}`,
  unit: "CPU-s",
  of: ({ history }) => history.cpu[id],
  to: ({ baseline }) => baseline.cpu
})

const measures = (orders: number): ReadonlyArray<Measure> => [
  {
    id: "history.seconds",
    figure: "History: from starting the 3 services until the marts have everything",
    unit: "s",
    of: ({ history }) => history.seconds,
    to: ({ baseline }) => baseline.seconds
  },
  {
    id: "history.secondsFromReady",
    figure: "  from the first service ready",
    unit: "s",
    of: ({ history }) => history.secondsFromReady,
    to: ({ baseline }) => baseline.seconds
  },
  {
    id: "history.ordersPerSecond",
    figure: "  orders, from the start",
    unit: "1/s",
    of: ({ history }) => orders / history.seconds,
    to: ({ baseline }) => orders / baseline.seconds
  },
  {
    id: "history.ordersPerSecondFromReady",
    figure: "  orders, from the first ready",
    unit: "1/s",
    of: ({ history }) => orders / history.secondsFromReady,
    to: ({ baseline }) => orders / baseline.seconds
  },
  {
    id: "history.stage.stg",
    figure: "  STG through, from the start",
    unit: "s",
    of: ({ history }) => history.stageSeconds.stg
  },
  {
    id: "history.stage.dds",
    figure: "  DDS through, from the start",
    unit: "s",
    of: ({ history }) => history.stageSeconds.dds
  },
  {
    id: "history.stage.cdm",
    figure: "  CDM through, from the start",
    unit: "s",
    of: ({ history }) => history.stageSeconds.cdm
  },
  cpuOf("stg", "STG"),
  cpuOf("dds", "DDS"),
  cpuOf("cdm", "CDM"),
  cpuOf("postgres", "PostgreSQL"),
  cpuOf("kafka", "Kafka"),
  cpuOf("redis", "Redis"),
  {
    id: "history.cpu.services",
    figure: "CPU of the 3 services",
    unit: "CPU-s",
    of: servicesCpu,
    to: ({ baseline }) => baseline.cpu
  },
  {
    id: "history.cpu.all",
    figure: "CPU of services and servers",
    unit: "CPU-s",
    of: allCpu,
    to: ({ baseline }) => baseline.cpu
  },
  { id: "history.memory.stg", figure: "Peak memory of STG", unit: "MiB", of: ({ history }) => history.peakMemory.stg },
  { id: "history.memory.dds", figure: "Peak memory of DDS", unit: "MiB", of: ({ history }) => history.peakMemory.dds },
  { id: "history.memory.cdm", figure: "Peak memory of CDM", unit: "MiB", of: ({ history }) => history.peakMemory.cdm },
  {
    id: "history.wal",
    figure: "WAL written",
    unit: "MiB",
    of: ({ history }) => history.writtenAheadMib,
    to: ({ baseline }) => baseline.writtenAheadMib
  },
  {
    id: "history.database",
    figure: "Database afterwards",
    unit: "MiB",
    of: ({ history }) => history.databaseMib,
    to: ({ baseline }) => baseline.databaseMib
  },
  {
    id: "publish.seconds",
    figure: "Publishing the messages, before the clock",
    unit: "s",
    of: ({ publishSeconds }) => publishSeconds
  },
  {
    id: "baseline.seconds",
    figure: "Baseline: one COPY and set-based SQL",
    unit: "s",
    of: ({ baseline }) => baseline.seconds
  },
  { id: "baseline.copySeconds", figure: "  of it the COPY", unit: "s", of: ({ baseline }) => baseline.copySeconds },
  { id: "baseline.ordersPerSecond", figure: "  orders", unit: "1/s", of: ({ baseline }) => orders / baseline.seconds },
  { id: "baseline.cpu", figure: "  CPU of PostgreSQL and psql", unit: "CPU-s", of: ({ baseline }) => baseline.cpu },
  { id: "baseline.wal", figure: "  WAL written", unit: "MiB", of: ({ baseline }) => baseline.writtenAheadMib },
  {
    id: "baseline.database",
    figure: "  Database afterwards, without its staging",
    unit: "MiB",
    of: ({ baseline }) => baseline.databaseMib
  }
]

export const makeReport = (
  orders: number,
  rounds: readonly [RoundMeasured, ...ReadonlyArray<RoundMeasured>],
  loadBefore: number,
  measuredAt: Date
): Report => {
  const last = rounds.at(-1) ?? rounds[0]
  const [processor] = cpus()
  return {
    measuredAt: measuredAt.toISOString(),
    machine: {
      cores: cpus().length,
      cpu: processor?.model.trim() ?? "unknown",
      memoryGib: Math.round(totalmem() / 1_073_741_824),
      system: `${platform()} ${arch()}`,
      node: process.version,
      postgres: last.postgresVersion,
      loadBefore
    },
    orders,
    messages: last.messages,
    rounds: rounds.length,
    figures: measures(orders).map(({ figure, id, of, to, unit }) => {
      const values = rounds.map(of)
      return {
        id,
        figure,
        unit,
        value: median(values),
        min: Math.min(...values),
        max: Math.max(...values),
        ...(to === undefined ? {} : { ratio: median(rounds.map((round) => of(round) / to(round))) })
      }
    }),
    baselineSlowest: last.baseline.slowest,
    rows: last.rows
  }
}

export const currentLoad = (): number => loadavg()[0] ?? 0

const rounded = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** The report as a page of text. */
export const reportText = ({ baselineSlowest, figures, machine, messages, orders, rounds, rows }: Report): string => {
  const width = Math.max(...figures.map(({ figure }) => figure.length))
  const line = (figure: string, value: string, range: string, ratio: string) =>
    `${figure.padEnd(width)}  ${value.padStart(14)}  ${rounds > 1 ? `${range.padStart(16)}  ` : ""}${ratio.padStart(11)}`.trimEnd()
  return [
    `${orders} orders, ${messages} messages, ${rounds === 1 ? "1 round" : `${rounds} rounds, medians`}`,
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}, ` +
      `PostgreSQL ${machine.postgres}, load before ${machine.loadBefore.toFixed(2)}`,
    "",
    line("", "value", "min – max", "× baseline"),
    ...figures.map(({ figure, max, min, ratio, unit, value }) =>
      line(
        figure,
        `${rounded(value)} ${unit.padEnd(5)}`,
        `${rounded(min)} – ${rounded(max)}`,
        ratio === undefined ? "" : ratio.toFixed(2)
      )
    ),
    "",
    "Longest in the baseline:",
    ...baselineSlowest.map(({ seconds, statement }) => `  ${seconds.toFixed(2)} s  ${statement}`),
    "",
    `The same by business keys in both: ${Object.entries(rows)
      .filter(([table]) => table.startsWith("cdm."))
      .map(([table, count]) => `${count} rows of ${table}`)
      .join(", ")}.`
  ].join("\n")
}
