/**
 * `npm run chaos`: the services as processes on real servers of our own, replicated, under load, killed and cut off in
 * every way. Ends non-zero unless the marts are exact, every service did as it was told, and catching up was quick.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { withProgress } from "@metka/cli/Progress"
import { runMain } from "@metka/core/Service"
import { Console, Data, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { makePlan, rollingPlan, type Step } from "./plan.ts"
import { makeReport, reportText } from "./report.ts"
import { run } from "./run.ts"

/** What was promised does not hold, as the report says. */
class PromiseBroken extends Data.TaggedError("PromiseBroken")<{ readonly message: string }> {}

const results = fileURLToPath(new URL("results", import.meta.url))

const counted = (name: string, description: string, fallback: number, minimum: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum, maximum }))),
    Flag.withDescription(description),
    Flag.withDefault(fallback)
  )

const shared = {
  seed: counted("seed", "The same seed gives the same orders and the same plan of faults", 1, 0, 4_294_967_295),
  replicas: counted("replicas", "Replicas of each service", 2, 2, 6),
  rate: counted("rate", "Messages a second, sent in bursts once a second", 100, 1, 5_000),
  orders: counted(
    "orders",
    "Orders in the stream, which is sent again in other orders when it is through",
    4_000,
    100,
    100_000
  )
}

interface Shared {
  readonly seed: number
  readonly replicas: number
  readonly rate: number
  readonly orders: number
}

const goThrough = Effect.fnUntraced(function* (options: Shared, command: string, plan: ReadonlyArray<Step>) {
  const { orders, rate, replicas, seed } = options
  const kills = plan.flatMap(({ faults }) => faults).filter(({ kind }) => kind === "kill").length
  const folder = join(results, `${command.replaceAll(/[^a-z0-9]+/g, "-").replace(/^-/, "")}-seed-${seed}`)
  const measured = yield* withProgress({ label: "chaos", total: kills, unit: "kills" }, (progress) =>
    run({
      seed,
      orders,
      replicas,
      plan,
      messagesPerSecond: rate,
      logsTo: folder,
      progress: (done, note) => progress.update(done, note)
    })
  ).pipe(Effect.scoped)
  const repeatWith = `npm run chaos -- ${command} --seed ${seed} --replicas ${replicas} --rate ${rate} --orders ${orders}`
  const report = makeReport({ seed, repeatWith, replicas, messagesPerSecond: rate }, measured)
  const file = join(folder, "report.json")
  yield* Effect.promise(async () => {
    await mkdir(folder, { recursive: true })
    await writeFile(file, `${JSON.stringify({ ...report, steps: measured.steps }, undefined, 2)}\n`)
  })
  yield* Console.log(`\n${reportText(report)}`)
  if (report.problems.length > 0) {
    return yield* new PromiseBroken({
      message: `${report.problems.length} promises are broken, listed above and in ${file}`
    })
  }
})

const rolls = Command.make(
  "rolls",
  { ...shared, times: counted("times", "Rolling restarts of each service", 34, 1, 1_000) },
  (options) => goThrough(options, `rolls --times ${options.times}`, rollingPlan(options.times))
).pipe(Command.withDescription("Restart every replica of every service in turn, again and again, under load"))

const chaos = Command.make(
  "chaos",
  { ...shared, kills: counted("kills", "SIGKILLs of services in all; other faults come beside them", 300, 1, 10_000) },
  (options) => goThrough(options, `--kills ${options.kills}`, makePlan(options))
).pipe(
  Command.withDescription(
    "Kill, pause, cut off and restart services and servers under load, and compare with the oracle"
  ),
  Command.withSubcommands([rolls])
)

Command.run(chaos, { version: "0.1.0" }).pipe(Effect.provide(NodeServices.layer), runMain("metka chaos"))
