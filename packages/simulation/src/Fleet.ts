/** The processes of a run: starts them, kills them, freezes and wakes them. */
import * as Cdm from "@metka/cdm/Cdm"
import { Health } from "@metka/core/Health"
import { Kafka } from "@metka/core/Kafka"
import type { MemoryBroker } from "@metka/core/MemoryBroker"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology, type TopologyShape } from "@metka/core/Topology"
import * as Dds from "@metka/dds/Dds"
import * as Stg from "@metka/stg/Stg"
import type { Random } from "@metka/testing/messyStream/Random"
import { Cause, Clock, Context, Effect, Exit, type Fiber, Random as EffectRandom, References, Scheduler } from "effect"
import { SqlClient } from "effect/sql"
import type { FaultInjector } from "./FaultInjector.ts"
import type { Gates } from "./Gates.ts"
import type { ServiceName } from "./Plan.ts"
import type { Process } from "./Process.ts"
import type { SimulatedTime } from "./SimulatedClock.ts"
import type { SimulatedDatabase } from "./SimulatedDatabase.ts"
import { simulatedKafka } from "./simulatedKafka.ts"
import { simulatedReferences } from "./simulatedReferences.ts"
import type { StepScheduler } from "./StepScheduler.ts"
import type { Trace } from "./Trace.ts"

/** What a process of each service runs: the same as its `main.ts`, without HTTP. */
const work = { stg: Stg.run, dds: Dds.run, cdm: Cdm.run } as const

export interface FleetParts {
  readonly scheduler: StepScheduler
  readonly time: SimulatedTime
  readonly random: Random
  readonly broker: MemoryBroker
  readonly references: ReferenceData["Service"]
  readonly gates: Gates
  readonly faults: FaultInjector
  readonly database: SimulatedDatabase
  readonly trace: Trace
}

interface Member {
  readonly process: Process
  readonly fiber: Fiber.Fiber<void, unknown>
  stopping: boolean
  thawsAt: number
}

export class Fleet {
  /** Services that must be started again, each as often as a process of it went down. */
  readonly toStart: Array<ServiceName> = []
  /** What no process may do: end by itself. */
  readonly problems: Array<string> = []
  topology: TopologyShape
  readonly #parts: FleetParts
  readonly #members = new Set<Member>()
  readonly #toDisconnect: Array<Process> = []
  #count = 0

  constructor(parts: FleetParts, topology: TopologyShape) {
    this.#parts = parts
    this.topology = topology
  }

  #newProcess(service: Process["service"]): Process {
    const name = `${service}-${++this.#count}`
    const speed = this.#parts.random.pick([1, 1, 1, 0.2])
    return { service, name, client: Symbol(name), speed, state: "running" }
  }

  /** What code in a process sees: its clock, its servers. */
  #contextOf(process: Process) {
    return Effect.gen({ self: this }, function* () {
      const { broker, database, faults, gates, random, references, scheduler, time } = this.#parts
      const health = yield* Effect.provide(Health, Health.layer({ components: ["kafka", "postgres", "redis"] }))
      return Context.make(Kafka, simulatedKafka(broker, gates, faults, process)).pipe(
        Context.add(ReferenceData, simulatedReferences(references, gates, process)),
        Context.add(SqlClient.SqlClient, yield* database.clientOf(process)),
        Context.add(Health, health),
        Context.add(Topology, this.topology),
        Context.add(Clock.Clock, time.clockOf(process)),
        Context.add(Scheduler.Scheduler, scheduler),
        Context.add(References.MinimumLogLevel, "None"),
        Context.add(EffectRandom.Random, {
          nextDoubleUnsafe: random.next,
          nextIntUnsafe: () => random.below(Number.MAX_SAFE_INTEGER)
        })
      )
    })
  }

  start(service: ServiceName): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const process = this.#newProcess(service)
      const context = yield* this.#contextOf(process)
      this.#parts.trace.add(`${process.name} starts`)
      const fiber = Effect.runForkWith(context)(work[service])
      const member: Member = { process, fiber, stopping: false, thawsAt: 0 }
      this.#members.add(member)
      fiber.addObserver((exit) => {
        if (process.state === "dead") return
        process.state = "dead"
        this.#members.delete(member)
        this.#parts.trace.add(`${process.name} has ended`)
        if (!member.stopping) {
          const why = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "it returned"
          this.problems.push(`${process.name} ended by itself: ${why}`)
        }
        this.toStart.push(service)
      })
    })
  }

  /** Runs a command of the operator's in a process of its own. */
  operate<E>(command: Effect.Effect<void, E, SqlClient.SqlClient>): Effect.Effect<Fiber.Fiber<void, E>> {
    return Effect.map(this.#contextOf(this.#newProcess("operator")), (context) => Effect.runForkWith(context)(command))
  }

  /** Kill −9: nothing of it runs any more, its servers notice at once. */
  crash(process: Process): void {
    process.state = "dead"
    for (const member of this.#members) if (member.process === process) this.#members.delete(member)
    this.#parts.gates.forget(process)
    this.#parts.broker.expire(process.client)
    this.#toDisconnect.push(process)
    if (process.service !== "operator") this.toStart.push(process.service)
  }

  /** It stands still for so long that its sessions end. */
  freeze(process: Process, steps: number): void {
    process.state = "frozen"
    for (const member of this.#members) {
      if (member.process === process) member.thawsAt = this.#parts.trace.step + steps
    }
    this.#parts.broker.expire(process.client)
    this.#toDisconnect.push(process)
  }

  thaw(step: number): void {
    for (const { process, thawsAt } of this.#members) {
      if (process.state !== "frozen" || thawsAt > step) continue
      process.state = "running"
      this.#parts.trace.add(`${process.name} goes on`)
      this.#parts.broker.readmit(process.client)
    }
  }

  /** SIGTERM to a running process of the service, if there is one. */
  stopOne(service: ServiceName): void {
    for (const member of this.#members) {
      const { process } = member
      if (process.service !== service || process.state !== "running" || member.stopping) continue
      member.stopping = true
      this.#parts.trace.add(`${process.name} is to stop`)
      member.fiber.interruptUnsafe()
      return
    }
  }

  crashAll(): void {
    for (const { process } of this.#members) this.crash(process)
  }

  /** The database notices who is gone; says whether anybody was. */
  readonly disconnectTheGone = Effect.suspend(() => {
    const gone = this.#toDisconnect.splice(0)
    return Effect.as(
      Effect.forEach(gone, (process) => this.#parts.database.disconnect(process), { discard: true }),
      gone.length > 0
    )
  })
}
