/**
 * `npm run chaos`: the services as processes on real servers of our own, replicated, under load, killed and cut off in
 * every way. Ends non-zero unless the marts are exact, every service did as it was told, and catching up was quick.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { withProgress } from "@metka/cli/Progress"
import { runMain } from "@metka/core/runMain"
import { messyStream, type Proportions } from "@metka/testing/messyStream/messyStream"
import { Console, Data, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { makePlan, outagePlan, rollingPlan, type Step } from "./plan.ts"
import { lostShare, measurePoison } from "./poison.ts"
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

const seed = counted("seed", "The same seed gives the same orders and the same plan of faults", 1, 0, 4_294_967_295)

const load = {
  seed,
  replicas: counted("replicas", "Replicas of each service", 2, 2, 6),
  brokers: counted(
    "brokers",
    "Brokers of Kafka, each of which keeps every partition: one, or three or more, of which one may be away",
    1,
    1,
    5
  ),
  rate: counted("rate", "Messages a second, sent in bursts once a second", 100, 1, 5_000),
  orders: counted("orders", "Orders in the stream, which is sent again when it is through", 4_000, 100, 100_000)
}

interface Load {
  readonly seed: number
  readonly replicas: number
  readonly brokers: number
  readonly rate: number
  readonly orders: number
}

/** Writes what a run showed into its folder, and fails when something is wrong with it. */
const conclude = Effect.fnUntraced(function* (folder: string, report: object, problems: ReadonlyArray<string>) {
  const file = join(folder, "report.json")
  yield* Effect.promise(async () => {
    await mkdir(folder, { recursive: true })
    await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`)
  })
  if (problems.length === 0) return
  return yield* new PromiseBroken({
    message: `it is not as promised: ${problems.length} findings, listed above and in ${file}`
  })
})

const folderOf = (command: string) => join(results, command.replaceAll(/[^a-z0-9]+/g, "-").replace(/^-/, ""))

const goThrough = Effect.fnUntraced(function* (
  { brokers, orders, rate, replicas, seed }: Load,
  how: {
    readonly command: string
    readonly plan: ReadonlyArray<Step>
    readonly shares?: Partial<Proportions>
  }
) {
  const command = `${how.command} --seed ${seed} --replicas ${replicas} --brokers ${brokers} --rate ${rate} --orders ${orders}`
  const folder = folderOf(command)
  const measured = yield* withProgress({ label: "chaos", total: how.plan.length, unit: "strikes" }, (progress) =>
    run({
      source: messyStream(seed, orders, how.shares),
      replicas,
      brokers,
      plan: how.plan,
      messagesPerSecond: rate,
      logsTo: folder,
      progress: (done, note) => progress.update(done, note)
    })
  ).pipe(Effect.scoped)
  const report = makeReport(
    { seed, repeatWith: `npm run chaos -- ${command}`, replicas, brokers, messagesPerSecond: rate },
    measured
  )
  yield* Console.log(`\n${reportText(report)}`)
  yield* conclude(folder, { ...report, steps: measured.steps }, report.problems)
})

const rolls = Command.make(
  "rolls",
  { ...load, times: counted("times", "Rolling restarts of each service", 34, 1, 1_000) },
  ({ times, ...options }) => goThrough(options, { command: `rolls --times ${times}`, plan: rollingPlan(times) })
).pipe(Command.withDescription("Restart every replica of every service in turn, again and again, under load"))

const outage = Command.make(
  "outage",
  {
    ...load,
    server: Flag.Literals("server", ["postgres", "kafka"]).pipe(
      Flag.withDescription("The server that goes away"),
      Flag.withDefault("postgres")
    ),
    seconds: counted("seconds", "How long it is away", 60, 1, 3_600)
  },
  ({ seconds, server, ...options }) =>
    goThrough(options, {
      command: `outage --server ${server} --seconds ${seconds}`,
      plan: outagePlan(server, seconds),
      // So that a single dead letter is one too many.
      shares: { broken: 0 }
    })
).pipe(Command.withDescription("Take a server away for a while: nobody is ready, nothing is lost, no dead letter"))

const poison = Command.make(
  "poison",
  {
    seed,
    rounds: counted("rounds", "Pairs of slices to measure, one with poison and one without", 10, 1, 100),
    messages: counted("messages", "Messages in a slice", 4_000, 100, 100_000),
    limit: counted("limit", "The throughput that may be lost, in percent", 5, 0, 100)
  },
  ({ limit, messages, rounds, seed }) =>
    Effect.gen(function* () {
      const command = `poison --rounds ${rounds} --messages ${messages} --limit ${limit} --seed ${seed}`
      const measured = yield* withProgress({ label: "poison", total: rounds, unit: "rounds" }, (progress) =>
        measurePoison({ seed, rounds, messages, progress: (done, note) => progress.update(done, note) })
      ).pipe(Effect.scoped)
      const lost = 100 * lostShare(measured.pairs, "seconds")
      const lostCpu = 100 * lostShare(measured.pairs, "cpuSeconds")
      const problems = [
        ...measured.divergences,
        ...(lost > limit ? [`poison costs ${lost.toFixed(1)} % of the throughput, ${limit} % are allowed`] : [])
      ]
      yield* Console.log(
        [
          "",
          ...measured.pairs.map(
            ({ clean, poisoned }) =>
              `${messages} good messages: ${clean.seconds.toFixed(2)} s, ${clean.cpuSeconds.toFixed(2)} CPU-s; ` +
              `with poison ${poisoned.seconds.toFixed(2)} s, ${poisoned.cpuSeconds.toFixed(2)} CPU-s`
          ),
          "",
          `1 % of poison costs ${lost.toFixed(1)} % of the throughput (the median of ${rounds} rounds), ` +
            `and ${lostCpu.toFixed(1)} % in CPU-seconds; ` +
            `${measured.deadLetters} dead letters.`,
          problems.length === 0 ? "Everything is exactly what the oracle says." : `WRONG:\n  ${problems.join("\n  ")}`,
          `Repeat: npm run chaos -- ${command}`
        ].join("\n")
      )
      yield* conclude(folderOf(command), { ...measured, lost, lostCpu }, problems)
    })
).pipe(Command.withDescription("Measure what one broken message in a hundred costs the others"))

const chaos = Command.make(
  "chaos",
  { ...load, kills: counted("kills", "SIGKILLs of services in all; other faults come beside them", 300, 1, 10_000) },
  ({ kills, ...options }) => goThrough(options, { command: `--kills ${kills}`, plan: makePlan({ ...options, kills }) })
).pipe(
  Command.withDescription(
    "Kill, pause, cut off and restart services and servers under load, and compare with the oracle"
  ),
  Command.withSubcommands([rolls, outage, poison])
)

Command.run(chaos, { version: "0.1.0" }).pipe(Effect.provide(NodeServices.layer), runMain("metka chaos"))
