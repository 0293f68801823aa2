/** Runs a plan: the loop that decides, choice by choice, what happens next. */
import { applyRules } from "@metka/cdm/ApplyRules"
import type { RuleRequest } from "@metka/cdm/rules"
import { recordsBehind } from "@metka/core/Kafka"
import { MemoryBroker } from "@metka/core/MemoryBroker"
import { retryWhile, type StageError } from "@metka/core/Outage"
import type { ReferenceData } from "@metka/core/ReferenceData"
import { inputsOf, type TopologyShape } from "@metka/core/Topology"
import { type Random, seededRandom } from "@metka/testing/messyStream/Random"
import { Effect } from "effect"
import type { SqlConnection } from "effect/sql"
import type { DatabaseCopy } from "./DatabaseCopy.ts"
import { FaultInjector } from "./FaultInjector.ts"
import { Fleet } from "./Fleet.ts"
import { Gates } from "./Gates.ts"
import { type Event, goingBackOf, type Plan, services } from "./Plan.ts"
import { SimulatedTime } from "./SimulatedClock.ts"
import { SimulatedDatabase } from "./SimulatedDatabase.ts"
import { StepScheduler } from "./StepScheduler.ts"
import { Trace } from "./Trace.ts"

/** More choices than any run needs: one that makes so many does not come to rest. */
const mostSteps = 20_000

export const topics = {
  orders: "order-service_orders",
  stgOrders: "stg-service-orders",
  cdmStats: "cdm-service-stats",
  guestTags: "guest-tags"
} as const

const topologyOf = (maxBatchRecords: number, groups: string): TopologyShape => ({
  ...topics,
  groupStg: `stg${groups}`,
  groupDds: `dds${groups}`,
  groupCdm: `cdm${groups}`,
  maxBatchRecords
})

/** A run, and what can be asked of it while and after it runs. */
export class Run {
  readonly plan: Plan
  readonly trace = new Trace()
  readonly broker: MemoryBroker
  readonly faults: FaultInjector
  readonly fleet: Fleet
  /** The rules that were applied last. */
  rules: ReadonlyArray<RuleRequest> = []
  readonly #random: Random
  readonly #scheduler = new StepScheduler()
  readonly #time = new SimulatedTime()
  readonly #references: ReferenceData["Service"]
  readonly #gates: Gates
  readonly #database: SimulatedDatabase
  readonly #events: Array<Event>
  readonly #copy: DatabaseCopy
  #rulesUnderWay = false
  /** The rules that the operator wants, once they were asked for. */
  #wanted: Extract<Event, { readonly _tag: "Rules" }> | undefined
  /** When the copy is to be taken that the database goes back to. */
  #copyDue: number | undefined
  #hasCopy = false
  /** How readily time goes on while there is something to do: bookmarks move by the clock. */
  readonly #timeWeight: number
  hasGoneBack = false

  constructor(
    plan: Plan,
    connection: SqlConnection.Connection,
    references: ReferenceData["Service"],
    copy: DatabaseCopy
  ) {
    this.plan = plan
    this.#copy = copy
    const goingBack = goingBackOf(plan)
    this.#timeWeight = goingBack === undefined ? 0.02 : 0.2
    this.#copyDue = goingBack?.from
    this.#random = seededRandom(plan.seed)
    this.broker = new MemoryBroker(plan.partitions, 1_048_576)
    this.#references = references
    this.faults = new FaultInjector(plan, this.#random, this.trace)
    this.#gates = new Gates(this.faults, this.trace, {
      crash: (process) => this.fleet.crash(process),
      freeze: (process, steps) => this.fleet.freeze(process, steps)
    })
    this.#database = new SimulatedDatabase(connection, this.#scheduler, this.#gates)
    this.#events = [...plan.events].reverse()
    this.fleet = new Fleet(
      {
        scheduler: this.#scheduler,
        time: this.#time,
        random: this.#random,
        broker: this.broker,
        references,
        gates: this.#gates,
        faults: this.faults,
        database: this.#database,
        trace: this.trace
      },
      topologyOf(plan.batchRecords, "")
    )
  }

  /**
   * Until all events have happened, and all their consequences. `settled` says that nothing is on its way; `midway`
   * looks once, while much is, between two transactions. It takes no part in the run.
   */
  untilSettled<E, R>(settled: Effect.Effect<boolean, E, R>, midway?: Effect.Effect<void, E, R>) {
    return Effect.gen({ self: this }, function* () {
      yield* this.#load(this.plan.references)
      for (const service of services) {
        for (let replica = 0; replica < this.plan.replicas[service]; replica++) yield* this.fleet.start(service)
      }
      yield* this.#untilAtRest(settled, midway)
    })
  }

  /** Whether everything is done that was to be done: what strikes now strikes nobody. */
  get #isIdle(): boolean {
    return this.lag === 0 && this.fleet.toStart.length === 0
  }

  /** Delivers every record of every topic once more, to services that have just been started. */
  deliverAgain<E, R>(settled: Effect.Effect<boolean, E, R>) {
    return Effect.gen({ self: this }, function* () {
      this.fleet.crashAll()
      this.fleet.toStart.length = 0
      yield* this.fleet.disconnectTheGone
      this.trace.add("everything is delivered again")
      // One by one nothing hides behind what comes after it in the same batch.
      this.fleet.topology = topologyOf(this.plan.batchRecords === 1 ? 1 : 2_000, "-again")
      for (const service of services) yield* this.fleet.start(service)
      yield* this.#untilAtRest(settled)
    })
  }

  get #inputs() {
    return inputsOf(this.fleet.topology)
  }

  /** How many records the services have not committed. */
  get lag(): number {
    return recordsBehind(services.flatMap((service) => this.broker.lag(...this.#inputs[service])))
  }

  #untilAtRest<E, R>(settled: Effect.Effect<boolean, E, R>, midway?: Effect.Effect<void, E, R>) {
    return Effect.gen({ self: this }, function* () {
      let look = midway
      // Not of the run's own random numbers: what happens does not depend on whether anybody looks.
      const lookAt = seededRandom(~this.plan.seed).below(this.plan.faultySteps)
      const limit = this.trace.step + mostSteps
      for (;;) {
        yield* this.standstill
        if (this.fleet.problems.length > 0) return
        if (this.trace.step >= limit) {
          this.fleet.problems.push(`not at rest after ${mostSteps} steps: ${this.lag} records to commit`)
          return
        }
        if (look !== undefined && this.trace.step >= lookAt && this.#database.isFree) {
          yield* look
          look = undefined
        }
        this.trace.step += 1
        if (this.#copyDue !== undefined && this.trace.step >= this.#copyDue && this.#database.isFree) {
          this.#copyDue = undefined
          this.#hasCopy = true
          yield* this.#copy.take
        }
        yield* this.strike
        if (yield* this.goOn) continue
        if (this.lag === 0 && !this.#rulesUnderWay && (yield* settled)) return
        // Everybody sleeps, and something is still to be done.
        this.#time.moveTo(this.#time.now + 10_000)
      }
    })
  }

  private readonly standstill = Effect.gen({ self: this }, function* () {
    yield* Effect.promise(() => this.#scheduler.standstill())
    if (yield* this.fleet.disconnectTheGone) yield* Effect.promise(() => this.#scheduler.standstill())
  })

  /** Makes the choice of what happens next; `false` when there is nothing to choose from but time. */
  private readonly goOn = Effect.suspend(() => {
    const choices: Array<readonly [weight: number, act: Effect.Effect<void>]> = []
    for (const waiting of this.#gates.open) {
      const slow = waiting.point === "lookup" && this.faults.referencesAreSlow ? 0.02 : 1
      choices.push([waiting.process.speed * slow, Effect.sync(() => this.#gates.letThrough(waiting))])
    }
    if (this.fleet.toStart.length > 0) choices.push([0.5, this.#startOne])
    const next = this.#events.at(-1)
    if (next !== undefined && (next._tag !== "Lull" || choices.length === 0)) choices.push([1, this.#nextEvent])
    const due = this.#time.nextDue
    if (due !== undefined && !this.faults.isOver) {
      choices.push([choices.length === 0 ? 1 : this.#timeWeight, Effect.sync(() => this.#sleepUntil(due))])
    }
    return Effect.as(choose(this.#random, choices), choices.length > 0)
  })

  #sleepUntil(due: number): void {
    this.trace.add("time goes on")
    this.#time.moveTo(due + (this.#random.chance(0.5) ? this.#random.below(5_000) : 0))
  }

  readonly #startOne = Effect.suspend(() => {
    const service = this.fleet.toStart.shift()
    return service === undefined ? Effect.void : this.fleet.start(service)
  })

  /** Nobody is told but by broken connections; what the operator did since has to be done again. */
  private readonly goBack = Effect.gen({ self: this }, function* () {
    if (!this.#hasCopy) return
    yield* this.#database.disconnectAll
    yield* this.#copy.restore
    this.hasGoneBack = true
    if (this.#wanted !== undefined) this.#events.push(this.#wanted)
  })

  private readonly strike = Effect.gen({ self: this }, function* () {
    const { step } = this.trace
    if (this.#events.length === 0 && (step >= this.plan.faultySteps || this.#isIdle)) {
      this.faults.end()
      this.fleet.thaw(Infinity)
    }
    for (let fault = this.faults.due(); fault !== undefined; fault = this.faults.due()) {
      switch (fault._tag) {
        case "Rebalance":
          this.broker.rebalance(this.#inputs[fault.service][1])
          break
        case "Redelivery": {
          const [topic, group] = this.#inputs[fault.service]
          const { partition } = fault
          const committed = this.broker.lag(topic, group)[partition]?.committed ?? 0
          this.broker.seek(group, topic, partition, Math.max(0, committed - fault.back))
          break
        }
        case "Restart":
          this.fleet.stopOne(fault.service)
          break
        case "GoesBack":
          yield* this.goBack
          break
        case "Outage":
        case "SlowReferences":
          break
      }
    }
    this.fleet.thaw(step)
    const available = !this.faults.isAway("kafka")
    if (available !== this.broker.available) this.broker.setAvailable(available)
  })

  readonly #nextEvent = Effect.suspend(() => {
    const event = this.#events.pop()
    if (event === undefined) return Effect.void
    switch (event._tag) {
      case "Order":
      case "Poison":
        this.trace.add(`> ${event.says}`)
        this.broker.append(topics.orders, [{ key: event.key, value: event.value, headers: {} }], this.#time.now)
        return Effect.void
      case "Reference":
        this.trace.add(`> reference ${event.id}`)
        return this.#load(new Map([[event.id, event.json]]))
      case "Rules":
        // One operator: the next rules wait until these are applied.
        if (this.#rulesUnderWay) {
          this.#events.push(event)
          return Effect.void
        }
        this.trace.add(`> ${event.rules.length} rules`)
        this.#wanted = event
        return this.#apply(event.rules)
      case "Lull":
        this.trace.add("> a lull")
        this.#time.moveTo(this.#time.now + event.millis)
        return Effect.void
    }
  })

  #apply(rules: ReadonlyArray<RuleRequest>) {
    return Effect.gen({ self: this }, function* () {
      this.#rulesUnderWay = true
      const fiber = yield* this.fleet.operate(
        Effect.asVoid(
          Effect.retry(
            applyRules(rules),
            retryWhile<StageError>(() => true)
          )
        )
      )
      fiber.addObserver(() => {
        this.#rulesUnderWay = false
        this.rules = rules
      })
    })
  }

  #load(documents: ReadonlyMap<string, string>): Effect.Effect<void> {
    return Effect.orDie(this.#references.load([...documents].map(([id, json]) => ({ id, json }))))
  }
}

const choose = (
  random: Random,
  choices: ReadonlyArray<readonly [weight: number, act: Effect.Effect<void>]>
): Effect.Effect<void> => {
  let left = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, act] of choices) {
    left -= weight
    if (left < 0) return act
  }
  return Effect.void
}
