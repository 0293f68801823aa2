/** The gates at which processes wait before and after they call a server, until the simulation lets one through. */
import { Effect } from "effect"
import { type FaultInjector, serverOf } from "./FaultInjector.ts"
import type { Edge, Point } from "./Plan.ts"
import type { Process } from "./Process.ts"
import type { Trace } from "./Trace.ts"

export interface Waiting {
  readonly process: Process
  readonly point: Point
  readonly edge: Edge
  /** What must be true for it to go on, beyond its turn: that the database is free. */
  readonly mayPass: () => boolean
  readonly pass: () => void
}

/** What the simulation does with a process that a fault strikes. */
export interface Struck {
  readonly crash: (process: Process) => void
  readonly freeze: (process: Process, steps: number) => void
}

export interface GateOptions {
  readonly mayPass?: () => boolean
  /** Happens as it is let through, before anybody else can act. */
  readonly onPass?: () => void
  /** Nobody could tell the difference if it waited here: faults strike, but it goes on at once. */
  readonly passAtOnce?: boolean
}

export class Gates {
  readonly #waiting = new Set<Waiting>()
  readonly #faults: FaultInjector
  readonly #trace: Trace
  readonly #struck: Struck

  constructor(faults: FaultInjector, trace: Trace, struck: Struck) {
    this.#faults = faults
    this.#trace = trace
    this.#struck = struck
  }

  /** Who could go on now, in the order of arrival. */
  get open(): ReadonlyArray<Waiting> {
    return [...this.#waiting].filter(({ mayPass, process }) => process.state === "running" && mayPass())
  }

  letThrough(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    this.#trace.add(`${waiting.process.name} ${waiting.edge} ${waiting.point}`)
    waiting.pass()
  }

  forget(process: Process): void {
    for (const waiting of this.#waiting) if (waiting.process === process) this.#waiting.delete(waiting)
  }

  /** Whether a fault is to strike half way; it strikes when the half is done, with `strikeHalfWay`. */
  arriveHalfWay(process: Process, point: Point) {
    return this.#faults.arrive(process, point, "half")
  }

  /** Waits for its turn. Succeeds with `false` when the call, or its answer, is lost. */
  arrive(process: Process, point: Point, edge: Edge, options: GateOptions = {}): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      if (process.state === "dead") return Effect.never
      const fault = this.#faults.arrive(process, point, edge)
      if (fault !== undefined) return this.strike(process, point, edge, fault, options)
      if (edge === "before" && this.#faults.refuses(serverOf[point])) {
        this.#trace.add(`${process.name} ${point} is refused`)
        return Effect.succeed(false)
      }
      return options.passAtOnce === true && process.state === "running"
        ? passNow(options)
        : this.#wait(process, point, edge, options)
    })
  }

  strike(
    process: Process,
    point: Point,
    edge: Edge,
    fault: NonNullable<ReturnType<FaultInjector["arrive"]>>,
    options: GateOptions = {}
  ): Effect.Effect<boolean> {
    switch (fault._tag) {
      case "Crash":
        this.#struck.crash(process)
        return Effect.never
      case "Zombie":
        this.#struck.freeze(process, fault.steps)
        return this.#wait(process, point, edge, options)
      case "Lost":
        return Effect.succeed(false)
    }
  }

  #wait(process: Process, point: Point, edge: Edge, options: GateOptions): Effect.Effect<boolean> {
    return Effect.callback<boolean>((resume) => {
      const waiting: Waiting = {
        process,
        point,
        edge,
        mayPass: options.mayPass ?? (() => true),
        pass: () => resume(passNow(options))
      }
      this.#waiting.add(waiting)
      return Effect.sync(() => {
        this.#waiting.delete(waiting)
      })
    })
  }
}

const passNow = (options: GateOptions): Effect.Effect<boolean> =>
  Effect.sync(() => {
    options.onPass?.()
    return true
  })
