/**
 * `npm run bench`: what it costs to take a week's history in, on real servers of our own with fsync on, beside what the
 * same result costs as one load in SQL. Ends non-zero when the two results differ.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ordersFlag, seedFlag } from "@metka/cli/flags"
import { runMain } from "@metka/core/Service"
import { Clock, Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { currentLoad, makeReport, reportText } from "./report.ts"
import { measureRound, type RoundMeasured } from "./round.ts"
import { repository } from "./ServiceProcess.ts"

const resultsFile = join(repository, "bench/results/latest.json")

const bench = Command.make(
  "bench",
  {
    orders: ordersFlag,
    seed: seedFlag,
    rounds: Flag.Int("rounds").pipe(
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))),
      Flag.withDescription("How often to measure, each time from nothing; the table has the medians"),
      Flag.withDefault(1)
    ),
    profile: Flag.String("profile").pipe(
      Flag.withDescription(
        "A folder for CPU profiles of the services and PostgreSQL's dearest statements; the figures suffer"
      ),
      Flag.optional
    )
  },
  ({ orders, profile, rounds, seed }) =>
    Effect.gen(function* () {
      const loadBefore = currentLoad()
      const profileTo = Option.getOrUndefined(Option.map(profile, (folder) => resolve(folder)))
      const measureOne = (round: number) =>
        Console.error(`Round ${round} of ${rounds}`).pipe(
          Effect.andThen(measureRound({ orders, seed, profileTo })),
          Effect.scoped
        )
      const measured: [RoundMeasured, ...Array<RoundMeasured>] = [yield* measureOne(1)]
      for (let round = 2; round <= rounds; round++) measured.push(yield* measureOne(round))
      const report = makeReport(orders, measured, loadBefore, new Date(yield* Clock.currentTimeMillis))
      yield* Effect.promise(async () => {
        await mkdir(dirname(resultsFile), { recursive: true })
        await writeFile(resultsFile, `${JSON.stringify({ ...report, measured }, undefined, 2)}\n`)
      })
      yield* Console.log(`\n${reportText(report)}`)
    })
).pipe(Command.withDescription("Measure the history on real servers, beside one load in SQL"))

Command.run(bench, { version: "0.1.0" }).pipe(Effect.provide(NodeServices.layer), runMain("metka bench"))
