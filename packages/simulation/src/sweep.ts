/** Runs many seeds, shows how far it is, and sums up. */
import { withProgress } from "@metka/cli/Progress"
import { Console, Effect, Stream } from "effect"
import type { SeedResult } from "./worker.ts"
import { runSeeds } from "./workers.ts"

export interface SweepOptions {
  readonly from: number
  readonly count: number
  readonly workers: number
  /** Ends at the first seed that fails. */
  readonly untilFailure: boolean
}

export interface Swept {
  readonly seeds: number
  readonly events: number
  /** How many faults struck, by kind. */
  readonly struck: ReadonlyMap<string, number>
  readonly failed: ReadonlyArray<SeedResult>
  readonly seconds: number
}

const sumOf = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0)

export const sweep = Effect.fnUntraced(function* (options: SweepOptions) {
  const startedAt = performance.now()
  const struck = new Map<string, number>()
  const failed: Array<SeedResult> = []
  let seeds = 0
  let events = 0

  yield* withProgress({ label: "simulating", total: options.count, unit: "seeds" }, (progress) =>
    runSeeds(options).pipe(
      Stream.tap((result) => {
        seeds += 1
        events += result.events
        for (const [kind, count] of result.struck) struck.set(kind, (struck.get(kind) ?? 0) + count)
        if (result.problems.length > 0) failed.push(result)
        return progress.update(seeds, `· ${sumOf(struck)} faults, ${failed.length} seeds failed`)
      }),
      Stream.takeUntil(() => options.untilFailure && failed.length > 0),
      Stream.runDrain
    )
  )
  const swept: Swept = { seeds, events, struck, failed, seconds: (performance.now() - startedAt) / 1_000 }
  return swept
})

export const printSweep = Effect.fnUntraced(function* ({ events, failed, seconds, seeds, struck }: Swept) {
  const rows = [...struck].sort(([a], [b]) => (a < b ? -1 : 1))
  const width = Math.max(...rows.map(([kind]) => kind.length), 0)
  for (const [kind, count] of rows) yield* Console.log(`  ${kind.padEnd(width)} ${String(count).padStart(8)}`)
  yield* Console.log(
    `${seeds} seeds with ${events} events and ${sumOf(struck)} faults in ${seconds.toFixed(0)} s ` +
      `(${(seeds / seconds).toFixed(1)}/s): ${failed.length} failed`
  )
})
