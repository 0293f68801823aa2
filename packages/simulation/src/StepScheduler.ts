/**
 * Runs fibers to a standstill: every fiber of a simulation goes on until it waits for something that only the
 * simulation gives it. What happens next is then nobody's choice but the simulation's, and the same choices make the
 * same run.
 */
import type { Fiber, Scheduler } from "effect"

export class StepScheduler implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  #tasks: Array<() => void> = []
  #underWay = 0
  #wake: (() => void) | undefined

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  scheduleTask(task: () => void): void {
    this.#tasks.push(task)
    this.#wakeUp()
  }

  flush(): void {
    for (let tasks = this.#tasks; tasks.length > 0; tasks = this.#tasks) {
      this.#tasks = []
      for (const task of tasks) task()
    }
  }

  /** A fiber waits for the real world, that is for PGlite, which answers by itself. */
  enterRealWorld(): void {
    this.#underWay += 1
  }

  leaveRealWorld(): void {
    this.#underWay -= 1
    this.#wakeUp()
  }

  /** Resolves when no fiber can go on by itself. */
  async standstill(): Promise<void> {
    for (;;) {
      this.flush()
      if (this.#underWay === 0) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
