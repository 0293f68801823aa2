/** Says which of a plan's faults strikes now, and counts those that did. */
import type { Random } from "@metka/testing/messyStream/Random"
import type { Edge, Fault, Plan, Point, Server, ServiceName } from "./Plan.ts"
import type { Process } from "./Process.ts"
import type { Trace } from "./Trace.ts"

type Momentary = Extract<Fault, { readonly moment: unknown }>
type Timed = Exclude<Fault, Momentary>

export const serverOf: Readonly<Record<Point, Server>> = {
  fetch: "kafka",
  lookup: "redis",
  begin: "postgres",
  statement: "postgres",
  commit: "postgres",
  query: "postgres",
  publish: "kafka",
  offsets: "kafka"
}

const momentKey = (service: ServiceName, point: Point, edge: Edge, nth: number) => `${service} ${point} ${edge} ${nth}`

const isMomentary = (fault: Fault): fault is Momentary => "moment" in fault

/** What a fault is counted as: `Crash after publish`, `Outage of redis`. */
const kindOf = (fault: Fault): string => {
  switch (fault._tag) {
    case "Crash":
    case "Zombie":
    case "Lost":
      return `${fault._tag} ${fault.moment.edge} ${fault.moment.point}`
    case "Outage":
      return `Outage of ${fault.server}${fault.share < 1 ? ", in part" : ""}`
    default:
      return fault._tag
  }
}

export class FaultInjector {
  /** How many struck, by kind. */
  readonly struck = new Map<string, number>()
  readonly #random: Random
  readonly #trace: Trace
  readonly #momentary = new Map<string, Momentary>()
  readonly #timed: Array<Timed>
  readonly #arrivals = new Map<string, number>()
  readonly #outages = new Map<Server, { readonly until: number; readonly share: number }>()
  #slowUntil = -1
  #over = false

  constructor(plan: Plan, random: Random, trace: Trace) {
    this.#random = random
    this.#trace = trace
    for (const fault of plan.faults) {
      if (isMomentary(fault)) {
        const { edge, nth, point, service } = fault.moment
        this.#momentary.set(momentKey(service, point, edge, nth), fault)
      }
    }
    this.#timed = plan.faults.filter((fault): fault is Timed => !isMomentary(fault)).sort((a, b) => b.at - a.at)
  }

  /** No fault strikes any more, and what is away comes back. */
  end(): void {
    this.#over = true
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Counts a process's arrival at a point, and says what strikes it there. */
  arrive(process: Process, point: Point, edge: Edge): Momentary | undefined {
    if (this.#over || process.service === "operator") return undefined
    const place = `${process.service} ${point} ${edge}`
    const nth = (this.#arrivals.get(place) ?? 0) + 1
    this.#arrivals.set(place, nth)
    const fault = this.#momentary.get(`${place} ${nth}`)
    if (fault !== undefined) this.#note(fault)
    return fault
  }

  /** Takes the next fault whose time has come. */
  due(): Timed | undefined {
    const next = this.#timed.at(-1)
    if (this.#over || next === undefined || next.at > this.#trace.step) return undefined
    this.#timed.pop()
    this.#note(next)
    if (next._tag === "Outage") {
      this.#outages.set(next.server, { until: this.#trace.step + next.steps, share: next.share })
    }
    if (next._tag === "SlowReferences") this.#slowUntil = this.#trace.step + next.steps
    return next
  }

  isAway(server: Server): boolean {
    const outage = this.#outages.get(server)
    return !this.#over && outage !== undefined && outage.share === 1 && outage.until > this.#trace.step
  }

  /** Whether a call to the server is refused now. */
  refuses(server: Server): boolean {
    const outage = this.#outages.get(server)
    if (this.#over || outage === undefined || outage.until <= this.#trace.step) return false
    if (outage.share < 1 && !this.#random.chance(outage.share)) return false
    this.struck.set(`call refused by ${server}`, (this.struck.get(`call refused by ${server}`) ?? 0) + 1)
    return true
  }

  get referencesAreSlow(): boolean {
    return !this.#over && this.#slowUntil > this.#trace.step
  }

  #note(fault: Fault): void {
    const kind = kindOf(fault)
    this.struck.set(kind, (this.struck.get(kind) ?? 0) + 1)
    this.#trace.add(`! ${kind}`)
  }
}
