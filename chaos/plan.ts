/** What is going to be done to the system, drawn from a seed: the same seed gives the same plan. */
import type { ServiceName } from "@metka/testing/processes"
import { serviceNames } from "@metka/testing/processSystem"
import { type Random, seededRandom, shuffled } from "@metka/testing/messyStream/Random"

/** As in `kafka-1`. */
export type BrokerName = `kafka-${number}`

/** A server that the services need, and that chaos takes away. */
export type ServerName = BrokerName | "redis" | "postgres"

/** As in `stg-1`. */
export type ReplicaName = `${ServiceName}-${number}`

/** Which of the replicas or brokers it is does not matter. */
export const sortOf = (name: ReplicaName | ServerName): string => name.split("-", 1)[0] ?? name

export type Fault =
  /** SIGKILL, and a new process after `downMillis`. */
  | { readonly kind: "kill"; readonly replica: ReplicaName; readonly downMillis: number }
  /** SIGSTOP for longer than the session of a group's member lives, then SIGCONT: it wakes up with old partitions. */
  | { readonly kind: "zombie"; readonly replica: ReplicaName; readonly pausedMillis: number }
  /** SIGTERM, which must end it with 0, and a new process, one replica after the other. */
  | { readonly kind: "roll"; readonly service: ServiceName }
  /** Shut down in good order or SIGKILL, and started on its data after `downMillis`. */
  | {
      readonly kind: "restart"
      readonly server: ServerName
      readonly how: "stop" | "kill"
      readonly downMillis: number
    }
  /** SIGSTOP, then SIGCONT: it takes connections and answers nothing, and the other brokers hear no more of it. */
  | { readonly kind: "freeze"; readonly server: BrokerName; readonly millis: number }
  /** Killed, all brokers of Kafka at once, and away for long enough to see every service say that it is not ready. */
  | { readonly kind: "outage"; readonly server: "kafka" | "postgres"; readonly seconds: number }
  /** Every connection to a server is reset. */
  | { readonly kind: "cut"; readonly server: ServerName }
  /** Nothing passes to or from a server, and no connection closes. */
  | { readonly kind: "stall"; readonly server: ServerName; readonly millis: number }
  /** PostgreSQL ends every session of the services, as an administrator would. */
  | { readonly kind: "terminate" }

/** Faults that strike at the same time, `waitMillis` after the system had caught up from the ones before. */
export interface Step {
  readonly waitMillis: number
  readonly faults: ReadonlyArray<Fault>
}

export interface PlanOptions {
  readonly seed: number
  /** SIGKILLs of services in all. */
  readonly kills: number
  /** Of each service. */
  readonly replicas: number
  /** Of Kafka. */
  readonly brokers: number
}

export const brokerNames = (brokers: number): ReadonlyArray<BrokerName> =>
  Array.from({ length: brokers }, (_, index): BrokerName => `kafka-${index + 1}`)

export const replicaNames = (replicas: number): ReadonlyArray<ReplicaName> =>
  serviceNames.flatMap((service) =>
    Array.from({ length: replicas }, (_, index): ReplicaName => `${service}-${index + 1}`)
  )

const most = { downMillis: 3_000, serverDownMillis: 4_000, stallMillis: 8_000, frozenMillis: 12_000 }
/** Longer than `sessionTimeoutMillis` of a member. */
const zombie = { leastMillis: 7_000, mostMillis: 10_000 }

/** One of each, dealt out in turn; of several brokers each has its turn. */
const companions = (random: Random, { brokers, replicas }: PlanOptions): ReadonlyArray<Fault> => [
  ...[...brokerNames(brokers), "redis" as const, "postgres" as const].flatMap((server): ReadonlyArray<Fault> => [
    { kind: "restart", server, how: "stop", downMillis: random.below(most.serverDownMillis) },
    { kind: "restart", server, how: "kill", downMillis: random.below(most.serverDownMillis) },
    { kind: "cut", server },
    { kind: "stall", server, millis: 500 + random.below(most.stallMillis) }
  ]),
  ...brokerNames(brokers).map((server): Fault => ({
    kind: "freeze",
    server,
    millis: 1_000 + random.below(most.frozenMillis)
  })),
  ...serviceNames.flatMap((service): ReadonlyArray<Fault> => [
    { kind: "roll", service },
    {
      kind: "zombie",
      replica: `${service}-${1 + random.below(replicas)}`,
      pausedMillis: zombie.leastMillis + random.below(zombie.mostMillis - zombie.leastMillis)
    }
  ]),
  { kind: "terminate" }
]

const serviceOf = (fault: Fault): string | undefined =>
  fault.kind === "roll" ? fault.service : "replica" in fault ? sortOf(fault.replica) : undefined

/** Kills in every step, in every other one beside another fault, which is then of another service. */
export const makePlan = (options: PlanOptions): ReadonlyArray<Step> => {
  const { kills, replicas, seed } = options
  const random = seededRandom(seed)
  const steps: Array<Step> = []
  let deck: Array<Fault> = []
  for (let left = kills; left > 0;) {
    if (deck.length === 0) deck = shuffled(random, companions(random, options))
    const beside = steps.length % 2 === 1 ? deck.pop() : undefined
    const candidates = replicaNames(replicas).filter(
      (replica) => beside === undefined || !replica.startsWith(`${serviceOf(beside)}-`)
    )
    const victims = shuffled(random, candidates).slice(0, Math.min(left, 1 + random.below(candidates.length)))
    left -= victims.length
    steps.push({
      waitMillis: random.below(1_500),
      faults: [
        ...victims.map((replica): Fault => ({ kind: "kill", replica, downMillis: random.below(most.downMillis) })),
        ...(beside === undefined ? [] : [beside])
      ]
    })
  }
  return steps
}

/** Every service is rolled `times` times, all of them at once. */
export const rollingPlan = (times: number): ReadonlyArray<Step> =>
  Array.from({ length: times }, () => ({
    waitMillis: 0,
    faults: serviceNames.map((service): Fault => ({ kind: "roll", service }))
  }))

/** One long outage in the middle of the load. */
export const outagePlan = (server: "kafka" | "postgres", seconds: number): ReadonlyArray<Step> => [
  { waitMillis: 3_000, faults: [{ kind: "outage", server, seconds }] }
]
