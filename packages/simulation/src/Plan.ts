/** What is to happen in one run. It is data, made from a seed, so that a failing run can be made smaller. */
import type { RuleRequest } from "@metka/cdm/rules"

export const services = ["stg", "dds", "cdm"] as const
export type ServiceName = (typeof services)[number]

/**
 * Where a service waits for another server: a lookup in Redis, a transaction's begin, each statement and commit, a
 * query outside a transaction, a publishing, a commit of offsets, a batch it has fetched.
 */
export const points = ["fetch", "lookup", "begin", "statement", "commit", "query", "publish", "offsets"] as const
export type Point = (typeof points)[number]

/** Before the server does it, after it is done, or, of a publishing, when half of the records are written. */
export type Edge = "before" | "half" | "after"

/** The `nth` time that any replica of a service comes there. */
export interface Moment {
  readonly service: ServiceName
  readonly point: Point
  readonly edge: Edge
  readonly nth: number
}

export type Server = "kafka" | "postgres" | "redis"

/** `at` and `steps` count the simulation's steps. */
export type Fault =
  /** The process is gone at once; a new one is started in its place. */
  | { readonly _tag: "Crash"; readonly moment: Moment }
  /** The process stands still and loses its partitions, and goes on after so many steps as if nothing had been. */
  | { readonly _tag: "Zombie"; readonly moment: Moment; readonly steps: number }
  /** The connection breaks: what is reported failed was done (`after`), half done, or not done (`before`). */
  | { readonly _tag: "Lost"; readonly moment: Moment }
  /** A server is away, or refuses so many of the calls. */
  | {
      readonly _tag: "Outage"
      readonly server: Server
      readonly at: number
      readonly steps: number
      readonly share: number
    }
  /** Answers of Redis take that long. */
  | { readonly _tag: "SlowReferences"; readonly at: number; readonly steps: number }
  | { readonly _tag: "Rebalance"; readonly service: ServiceName; readonly at: number }
  /** A partition is delivered again, from so many records back. */
  | {
      readonly _tag: "Redelivery"
      readonly service: ServiceName
      readonly partition: number
      readonly back: number
      readonly at: number
    }
  /** The database becomes what it was at `from`, as when a standby takes over that lacks what came after. */
  | { readonly _tag: "GoesBack"; readonly from: number; readonly at: number }
  /** A process is asked to stop, stops in its own time, and is started again. */
  | { readonly _tag: "Restart"; readonly service: ServiceName; readonly at: number }

/** When the plan's database goes back, and to when. */
export const goingBackOf = (plan: Plan): Extract<Fault, { readonly _tag: "GoesBack" }> | undefined =>
  plan.faults.find((fault) => fault._tag === "GoesBack")

export type Event =
  /** A message of the orders topic; `says` is for people. */
  | { readonly _tag: "Order"; readonly key: string | null; readonly value: Uint8Array; readonly says: string }
  | { readonly _tag: "Poison"; readonly key: string | null; readonly value: Uint8Array; readonly says: string }
  /** A document comes into Redis, or a newer one in its place. */
  | { readonly _tag: "Reference"; readonly id: string; readonly json: string }
  | { readonly _tag: "Rules"; readonly rules: ReadonlyArray<RuleRequest> }
  /** When nobody has anything left to do, the app says nothing for so long: what is parked comes due meanwhile. */
  | { readonly _tag: "Lull"; readonly millis: number }

export interface Plan {
  readonly seed: number
  readonly partitions: number
  readonly batchRecords: number
  readonly replicas: Readonly<Record<ServiceName, number>>
  /** In Redis from the start. */
  readonly references: ReadonlyMap<string, string>
  /** In this order; the scheduler says when. */
  readonly events: ReadonlyArray<Event>
  readonly faults: ReadonlyArray<Fault>
  /** After so many steps, and when all events have happened, the faults are over. */
  readonly faultySteps: number
}
