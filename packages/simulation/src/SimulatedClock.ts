/** Effect's Clock, with a time that only the simulation moves. */
import { type Clock, Duration, Effect } from "effect"
import type { Process } from "./Process.ts"

interface Sleeper {
  readonly process: Process
  readonly due: number
  readonly wake: () => void
}

/** 2026-01-01, when every run begins. */
const beginning = Date.UTC(2026, 0, 1)

export class SimulatedTime {
  #now = beginning
  readonly #sleepers = new Set<Sleeper>()

  get now(): number {
    return this.#now
  }

  /** The clock of a process; while it is frozen it does not wake. */
  clockOf(process: Process): Clock.Clock {
    const millis = () => this.#now
    const nanos = () => BigInt(this.#now) * 1_000_000n
    const sleepers = this.#sleepers
    return {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.callback<void>((resume) => {
          const length = Duration.toMillis(duration)
          // To the millisecond above: nobody wakes too early.
          const sleeper = { process, due: Math.ceil(this.#now + length), wake: () => resume(Effect.void) }
          if (Number.isFinite(length)) sleepers.add(sleeper)
          return Effect.sync(() => {
            sleepers.delete(sleeper)
          })
        })
    }
  }

  /** When the next one wakes. */
  get nextDue(): number | undefined {
    let next: number | undefined
    for (const { due, process } of this.#sleepers) {
      if (process.state === "running" && (next === undefined || due < next)) next = due
    }
    return next
  }

  /** Moves time, and wakes whoever has slept long enough. */
  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time)
    const due = [...this.#sleepers].filter(({ due, process }) => process.state === "running" && due <= this.#now)
    for (const sleeper of due.sort((a, b) => a.due - b.due)) {
      if (this.#sleepers.delete(sleeper)) sleeper.wake()
    }
  }
}
