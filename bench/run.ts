/** What every section of a run shares. */
import { type DemoWeek, demoWeek } from "@metka/cli/demo/demoWeek"
import { sundayEvening } from "@metka/cli/demo/rhythm"
import { Console, Effect } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Figure } from "./figures.ts"
import type { Servers } from "./servers.ts"

export interface Bench {
  readonly servers: Servers
  /** For logs and input files; gone with the run. */
  readonly folder: string
  readonly orders: number
  readonly seed: number
  readonly rounds: number
}

/** Not counted. Until the broker's JIT compiler is done: after 3,000 the first history takes a tenth longer than the third. */
export const warmUpOrders = 20_000

/** What a section gives. */
export interface Measured {
  readonly figures: ReadonlyArray<Figure>
  readonly notes?: ReadonlyArray<string>
}

export const weekOf = ({ seed }: Pick<Bench, "seed">, orders: number): DemoWeek =>
  demoWeek({ orders, seed, endsAt: sundayEvening })

/** Progress, apart from the report. */
export const say = (text: string) => Console.error(`  ${text}`)

export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "metka-bench-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** Runs `measure` so often, one after the other. */
export const inRounds = <A, E, R>(rounds: number, measure: (round: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: rounds }, (_, index) => index + 1),
    measure
  )
