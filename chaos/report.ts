/** What a run showed, as a page of text and as JSON. */
import { arch, cpus, platform, totalmem } from "node:os"
import { type Fault, sortOf } from "./plan.ts"
import type { RunMeasured, StepMeasured } from "./run.ts"

/** Seconds. */
export interface Distribution {
  readonly count: number
  readonly median: number
  readonly p95: number
  readonly max: number
}

export interface Report {
  readonly seed: number
  readonly repeatWith: string
  readonly machine: string
  readonly replicas: number
  readonly brokers: number
  readonly messagesPerSecond: number
  readonly messages: number
  readonly seconds: number
  /** How many faults of each kind. */
  readonly faults: Readonly<Record<string, number>>
  /** After kills that nothing else struck beside, after those beside another fault, and after those faults. */
  readonly catchUp: {
    readonly killsAlone?: Distribution
    readonly killsBesideOthers?: Distribution
    readonly others?: Distribution
  }
  readonly compared: RunMeasured["compared"]
  readonly problems: ReadonlyArray<string>
}

/** What a system that lost replicas, and nothing else, may take to catch up. */
const catchUpTargetSeconds = 10

const isKill = ({ kind }: Fault) => kind === "kill"

const nameOf = (fault: Fault): string => {
  switch (fault.kind) {
    case "kill":
      return `SIGKILL of ${sortOf(fault.replica)}`
    case "zombie":
      return `SIGSTOP of ${sortOf(fault.replica)}, beyond its session`
    case "roll":
      return `rolling restart of ${fault.service}`
    case "restart":
      return `${fault.how === "kill" ? "SIGKILL" : "shutdown"} and restart of ${sortOf(fault.server)}`
    case "outage":
      return `${fault.server} away for ${fault.seconds} s, nobody ready`
    case "freeze":
      return `SIGSTOP of ${sortOf(fault.server)}`
    case "cut":
      return `connections to ${sortOf(fault.server)} cut`
    case "stall":
      return `connections to ${sortOf(fault.server)} stalled`
    case "terminate":
      return "pg_terminate_backend of every session"
  }
}

const distribution = (millis: ReadonlyArray<number>): Distribution | undefined => {
  const sorted = millis.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) / 1_000
  return sorted.length === 0 ? undefined : { count: sorted.length, median: at(0.5), p95: at(0.95), max: at(1) }
}

const catchUpOf = (steps: ReadonlyArray<StepMeasured>, counts: (fault: Fault) => boolean) =>
  distribution(
    steps.flatMap(({ catchUpMillis, faults }) =>
      faults.flatMap((fault, index) => (counts(fault) ? [catchUpMillis[index] ?? 0] : []))
    )
  )

export const makeReport = (
  options: Pick<Report, "seed" | "repeatWith" | "replicas" | "brokers" | "messagesPerSecond">,
  measured: RunMeasured
): Report => {
  const faults: Record<string, number> = {}
  for (const fault of measured.steps.flatMap((step) => step.faults)) {
    faults[nameOf(fault)] = (faults[nameOf(fault)] ?? 0) + 1
  }
  const killsAlone = catchUpOf(
    measured.steps.filter((step) => step.faults.every(isKill)),
    isKill
  )
  const killsBesideOthers = catchUpOf(
    measured.steps.filter((step) => !step.faults.every(isKill)),
    isKill
  )
  const others = catchUpOf(measured.steps, (fault) => !isKill(fault))
  const [processor] = cpus()
  return {
    ...options,
    machine: `${cpus().length} cores (${processor?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 1_073_741_824)} GiB, ${platform()} ${arch()}, Node ${process.version}`,
    messages: measured.messages,
    seconds: measured.seconds,
    faults: Object.fromEntries(Object.entries(faults).toSorted(([a], [b]) => a.localeCompare(b))),
    catchUp: {
      ...(killsAlone === undefined ? {} : { killsAlone }),
      ...(killsBesideOthers === undefined ? {} : { killsBesideOthers }),
      ...(others === undefined ? {} : { others })
    },
    compared: measured.compared,
    problems: [
      ...measured.divergences,
      ...(killsAlone !== undefined && killsAlone.max > catchUpTargetSeconds
        ? [`catching up took ${killsAlone.max.toFixed(1)} s at most, ${catchUpTargetSeconds} s are allowed`]
        : [])
    ]
  }
}

const times = (name: string, found: Distribution | undefined): ReadonlyArray<string> =>
  found === undefined
    ? []
    : [
        `${name.padEnd(42)} ${String(found.count).padStart(5)}   median ${found.median.toFixed(1)} s   p95 ${found.p95.toFixed(1)} s   max ${found.max.toFixed(1)} s`
      ]

export const reportText = (report: Report): string => {
  const { brokers, catchUp, compared, faults, messages, messagesPerSecond, problems, replicas, seconds } = report
  return [
    report.machine,
    `${replicas} replicas of each service, Kafka brokers: ${brokers}, ${messagesPerSecond} messages a second, ${messages} in ${Math.round(seconds)} s`,
    "",
    ...Object.entries(faults).map(([name, count]) => `${name.padEnd(42)} ${String(count).padStart(5)}`),
    "",
    ...times("Caught up after kills alone", catchUp.killsAlone),
    ...times("Caught up after kills beside other faults", catchUp.killsBesideOthers),
    ...times("Caught up after other faults", catchUp.others),
    "",
    `Compared: ${compared.orders} orders, ${compared.counters} counters, ${compared.tags} tags, ` +
      `${compared.deadLetters} dead letters of broken messages, ${compared.parked} parked orders.`,
    problems.length === 0 ? "All of it is exactly what the oracle says." : `WRONG:\n  ${problems.join("\n  ")}`,
    `Repeat: ${report.repeatWith}`
  ].join("\n")
}
