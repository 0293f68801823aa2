/** Tries guards, as many at once as there are cores, each in a copy of the source. */
import { Effect, Queue, Schema } from "effect"
import { execFile } from "node:child_process"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { sourceCopy, withBroken } from "./brokenCopy.ts"
import type { FirstFailure } from "./firstFailure.ts"
import type { Guard } from "./guards.ts"

export interface Caught extends FirstFailure {
  readonly guard: Guard
}

export class MutantFailed extends Schema.TaggedError<MutantFailed>()("MutantFailed", { message: Schema.String }) {}

const firstFailure = (copy: string, seeds: number) =>
  Effect.callback<FirstFailure, MutantFailed>((resume) => {
    const script = join(copy, "packages/simulation/mutants/firstFailure.ts")
    const child = execFile(process.execPath, [script, "1", String(seeds)], (error, stdout, stderr) => {
      resume(
        error === null
          ? Effect.succeed(JSON.parse(stdout))
          : Effect.fail(new MutantFailed({ message: `the simulation did not run: ${stderr.slice(0, 2_000)}` }))
      )
    })
    return Effect.sync(() => child.kill())
  })

/** In the order of the guards. */
export const tryGuards = <R>(
  guards: ReadonlyArray<Guard>,
  seeds: number,
  onCaught: (caught: Caught) => Effect.Effect<void, never, R>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const concurrency = Math.min(guards.length, 2, availableParallelism())
      const copies = yield* Queue.unbounded<string>()
      for (let made = 0; made < concurrency; made++) yield* Queue.offer(copies, yield* sourceCopy)
      return yield* Effect.forEach(
        guards,
        (guard) =>
          Effect.acquireUseRelease(
            Queue.take(copies),
            (copy) =>
              withBroken(copy, guard, firstFailure(copy, seeds)).pipe(
                Effect.map((found): Caught => ({ guard, ...found })),
                Effect.tap(onCaught)
              ),
            (copy) => Queue.offer(copies, copy)
          ),
        { concurrency }
      )
    })
  )
