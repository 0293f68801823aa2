/** A seed → everything that is to happen in its run. */
import { type Random, seededRandom } from "@metka/testing/messyStream/Random"
import { finalReferences } from "./expectation.ts"
import {
  type Edge,
  type Event,
  type Fault,
  type Moment,
  type Plan,
  type Point,
  type ServiceName,
  services
} from "./Plan.ts"
import { makeWorkload } from "./makeWorkload.ts"

const some = <A>(length: number, make: () => A): ReadonlyArray<A> => Array.from({ length }, make)

/** Where each service waits for somebody, as often as it comes there. */
const stops: Readonly<Record<ServiceName, ReadonlyArray<readonly [Point, ReadonlyArray<Edge>]>>> = {
  stg: [
    ["fetch", ["after"]],
    ["lookup", ["before", "after"]],
    ["begin", ["before"]],
    ["statement", ["before"]],
    ["commit", ["before", "after"]],
    ["query", ["before"]],
    ["publish", ["before", "half", "after"]],
    ["offsets", ["before", "after"]]
  ],
  dds: [
    ["fetch", ["after"]],
    ["begin", ["before"]],
    ["statement", ["before"]],
    ["commit", ["before", "after"]],
    ["publish", ["before", "half", "after"]],
    ["offsets", ["before", "after"]]
  ],
  cdm: [
    ["fetch", ["after"]],
    ["begin", ["before"]],
    ["statement", ["before"]],
    ["commit", ["before", "after"]],
    ["query", ["before"]],
    ["publish", ["before", "half", "after"]],
    ["offsets", ["before", "after"]]
  ]
}

const momentOf = (random: Random): Moment => {
  const service = random.pick(services)
  const [point, edges] = random.pick(stops[service])
  return { service, point, edge: random.pick(edges), nth: 1 + random.below(point === "statement" ? 40 : 8) }
}

/** A zombie in a transaction would hold all others up, since PGlite has one connection. */
const freezable = (moment: Moment): boolean =>
  moment.point !== "statement" && !(moment.point === "commit" && moment.edge === "before") && moment.edge !== "half"

const zombieMoment = (random: Random): Moment => {
  for (;;) {
    const moment = momentOf(random)
    if (freezable(moment)) return moment
  }
}

const faultOf = (random: Random, faultySteps: number): Fault => {
  const at = random.below(faultySteps)
  const steps = 5 + random.below(60)
  const service = random.pick(services)
  const kind = random.below(20)
  if (kind < 6) return { _tag: "Crash", moment: momentOf(random) }
  if (kind < 9) return { _tag: "Zombie", moment: zombieMoment(random), steps }
  if (kind < 13) return { _tag: "Lost", moment: momentOf(random) }
  if (kind < 15) {
    const server = random.pick(["kafka", "postgres", "redis"] as const)
    return { _tag: "Outage", server, at, steps, share: random.pick([0.5, 1]) }
  }
  if (kind < 16) return { _tag: "SlowReferences", at, steps }
  if (kind < 18) return { _tag: "Rebalance", service, at }
  if (kind < 19) return { _tag: "Redelivery", service, partition: random.below(3), back: 1 + random.below(6), at }
  return { _tag: "Restart", service, at }
}

/** Long enough that bookmarks come from CDM to STG. */
const calm = some(5, (): Event => ({ _tag: "Lull", millis: 31_000 }))

/**
 * The same, with a database that goes back. References are what they will be from the start: a version that is enriched
 * again says the same, and no order that was parked leaves just then.
 */
const goingBack = (random: Random, plan: Plan): Plan => {
  const at = random.below(plan.faultySteps)
  return {
    ...plan,
    references: finalReferences(plan),
    events: plan.events
      .filter((event) => event._tag !== "Reference")
      .flatMap((event) => (random.chance(0.1) ? [event, ...calm] : [event])),
    faults: [...plan.faults, { _tag: "GoesBack", from: random.below(at + 1), at }]
  }
}

/** About as many as its way through the services takes. */
const stepsOfAnEvent = 10

export const makePlan = (seed: number): Plan => {
  // Neighbouring seeds must not begin alike.
  const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1))
  const { events, references } = makeWorkload(random)
  const faultySteps = 20 + events.length * stepsOfAnEvent
  const plan: Plan = {
    seed,
    partitions: 1 + random.below(3),
    batchRecords: random.pick([1, 2, 3, 8]),
    replicas: { stg: 1 + random.below(2), dds: 1 + random.below(2), cdm: 1 + random.below(2) },
    references,
    events,
    faults: some(random.below(10), () => faultOf(random, faultySteps)),
    faultySteps
  }
  return random.chance(0.15) ? goingBack(random, plan) : plan
}
