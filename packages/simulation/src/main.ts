/** `npm run simulate`: the production services under a scheduler that is out to break them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { runMain } from "@metka/core/runMain"
import { version } from "@metka/core/version"
import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { availableParallelism } from "node:os"
import { databaseLayer } from "./database.ts"
import { replay } from "./replay.ts"
import { printSweep, sweep } from "./sweep.ts"
import { sweepPermutations } from "./sweepPermutations.ts"

export class Diverged extends Schema.TaggedError<Diverged>()("Diverged", { message: Schema.String }) {}

const wholeNumber = (minimum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum: 4_294_967_295 }))

const flags = {
  seeds: Flag.Int("seeds").pipe(
    Flag.withSchema(wholeNumber(1)),
    Flag.withDescription("How many seeds to run"),
    Flag.withDefault(1_000)
  ),
  from: Flag.Int("from").pipe(
    Flag.withSchema(wholeNumber(0)),
    Flag.withDescription("The first of them"),
    Flag.withDefault(1)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withSchema(wholeNumber(0)),
    Flag.withDescription("Replay this seed: print its plan and what happens; if it fails, the smallest plan that does"),
    Flag.optional
  ),
  workers: Flag.Int("workers").pipe(
    Flag.withSchema(wholeNumber(1)),
    Flag.withDescription("Threads, each with a database of its own"),
    Flag.withDefault(Math.min(2, availableParallelism()))
  ),
  permutations: Flag.Boolean("permutations").pipe(
    Flag.withDescription("Instead of seeds, run every order in which the six messages of one order can arrive"),
    Flag.withDefault(false)
  ),
  untilFailure: Flag.Boolean("until-failure").pipe(
    Flag.withDescription("End at the first seed that fails"),
    Flag.withDefault(false)
  )
}

const replayCommand = (seed: number) => `npm run simulate -- --seed ${seed}`

const simulate = Command.make("simulate", flags, ({ from, permutations, seed, seeds, untilFailure, workers }) =>
  Effect.gen(function* () {
    if (Option.isSome(seed)) {
      const fails = yield* Effect.scoped(replay(seed.value)).pipe(Effect.provide(databaseLayer))
      if (fails) return yield* new Diverged({ message: `seed ${seed.value} fails` })
      return
    }
    if (permutations) {
      const failed = yield* Effect.scoped(sweepPermutations).pipe(Effect.provide(databaseLayer))
      if (failed > 0) return yield* new Diverged({ message: `${failed} permutations end in another state` })
      return
    }
    const swept = yield* sweep({ from, count: seeds, workers, untilFailure })
    yield* printSweep(swept)
    for (const { problems, seed } of swept.failed.slice(0, 10)) {
      yield* Console.log(`\nseed ${seed} fails; replay it with: ${replayCommand(seed)}`)
      for (const problem of problems.slice(0, 5)) yield* Console.log(`  ${problem}`)
    }
    const [first] = swept.failed
    if (first !== undefined) {
      return yield* new Diverged({
        message: `${swept.failed.length} of ${swept.seeds} seeds fail, the first is ${first.seed}: ${replayCommand(first.seed)}`
      })
    }
  })
).pipe(Command.withDescription("Run the services under seeded faults, and hold what they leave against the oracle"))

Command.run(simulate, { version }).pipe(Effect.provide(NodeServices.layer), Effect.scoped, runMain("simulate"))
