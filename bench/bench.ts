/**
 * `npm run bench`: every figure that Metka is held to, on real servers of our own with fsync on. Ends non-zero when the
 * services' result is wrong, when a ratio misses its target, and with `--strict` when an absolute value does.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ordersFlag, seedFlag } from "@metka/cli/flags"
import { runMain } from "@metka/core/runMain"
import { version } from "@metka/core/version"
import { Clock, Console, Data, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { repository } from "../build/paths.ts"
import { chart } from "./chart.ts"
import { missed, type SectionName, sectionNames } from "./figures.ts"
import { currentLoad, describeMachine } from "./machine.ts"
import { type Report, reportText, type SectionReport } from "./report.ts"
import { measureRound } from "./round.ts"
import { type Bench, say, temporaryFolder, warmUpOrders, weekOf } from "./run.ts"
import { measureEmbedded } from "./sections/embedded.ts"
import { measureGrowth } from "./sections/growth.ts"
import { measureHistory } from "./sections/history.ts"
import { measureIdle } from "./sections/idle.ts"
import { measureLive } from "./sections/live.ts"
import { measureMarts } from "./sections/marts.ts"
import { measureTelemetry } from "./sections/telemetry.ts"
import { startServers } from "./servers.ts"

const resultsFile = join(repository, "bench/results/latest.json")
const chartFile = join(repository, "bench/chart.svg")

class ChartIncomplete extends Data.TaggedError("ChartIncomplete")<{ readonly message: string }> {}

class TargetMissed extends Data.TaggedError("TargetMissed")<{ readonly message: string }> {}

const titles: Readonly<Record<SectionName, string>> = {
  history: "History: a week of orders at once, through three services",
  marts: "The marts alone",
  live: "Live",
  idle: "Idle",
  growth: "Growth",
  embedded: "Embedded, no server",
  telemetry: "Telemetry"
}

const isSection = Schema.is(Schema.Literals(sectionNames))

const chosen = (text: string): Option.Option<ReadonlyArray<SectionName>> => {
  const names = text.split(",").map((name) => name.trim())
  const known = names.filter(isSection)
  return known.length === names.length ? Option.some(known) : Option.none()
}

const all = sectionNames.join(", ")

const flags = {
  orders: ordersFlag,
  seed: seedFlag,
  rounds: Flag.Int("rounds").pipe(
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))),
    Flag.withDescription("How often to measure what is measured in rounds; the table has the medians"),
    Flag.withDefault(3)
  ),
  only: Flag.String("only").pipe(
    Flag.withDescription(`Sections, separated by commas, of ${all}; all but growth unless told`),
    Flag.filterMap(chosen, (text) => `"${text}" names something that is none of ${all}`),
    Flag.optional
  ),
  growth: Flag.Int("growth").pipe(
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 10_000, maximum: 5_000_000 }))),
    Flag.withDescription("Measure growth too, over so many orders; takes minutes"),
    Flag.optional
  ),
  full: Flag.Boolean("full").pipe(
    Flag.withDescription("All sections, growth over 1,000,000 orders"),
    Flag.withDefault(false)
  ),
  strict: Flag.Boolean("strict").pipe(
    Flag.withDescription("Fail on absolute targets too, not on ratios alone"),
    Flag.withDefault(false)
  ),
  chart: Flag.Boolean("chart").pipe(Flag.withDescription("Draw bench/chart.svg anew"), Flag.withDefault(false))
}

const growthUnlessTold = 1_000_000

const measureSection = (section: SectionName, bench: Bench, growthOrders: number) => {
  switch (section) {
    case "history":
      return measureHistory(bench)
    case "marts":
      return measureMarts(bench)
    case "live":
      return measureLive(bench)
    case "idle":
      return measureIdle(bench)
    case "growth":
      return measureGrowth(bench, growthOrders)
    case "embedded":
      return measureEmbedded(bench)
    case "telemetry":
      return measureTelemetry(bench)
  }
}

const command = Command.make("bench", flags, ({ chart: withChart, full, growth, only, orders, rounds, seed, strict }) =>
  Effect.gen(function* () {
    const loadBefore = currentLoad()
    const withoutGrowth = sectionNames.filter((name) => name !== "growth" || full || Option.isSome(growth))
    const sections = Option.getOrElse(only, () => withoutGrowth)
    if (withChart && !(sections.includes("history") && sections.includes("marts"))) {
      return yield* new ChartIncomplete({ message: "--chart draws the sections history and marts: measure both" })
    }
    const folder = yield* temporaryFolder
    yield* say("starting Kafka, Redis and PostgreSQL")
    const servers = yield* startServers({ statementStats: false })
    const bench: Bench = { servers, folder, orders, seed, rounds }
    yield* say(`warming up with ${warmUpOrders} orders, not counted`)
    yield* measureRound(bench, warmUpOrders)

    const reports: Array<SectionReport> = []
    for (const section of sections) {
      const { figures, notes = [] } = yield* measureSection(
        section,
        bench,
        Option.getOrElse(growth, () => growthUnlessTold)
      )
      reports.push({ section, title: titles[section], figures, notes })
    }
    const report: Report = {
      measuredAt: new Date(yield* Clock.currentTimeMillis).toISOString(),
      machine: yield* describeMachine(servers.postgresUrl, loadBefore),
      orders,
      messages: weekOf(bench, orders).messageCount,
      rounds,
      sections: reports
    }
    yield* write(resultsFile, `${JSON.stringify(report, undefined, 2)}\n`)
    if (withChart) yield* write(chartFile, chart(report))
    yield* Console.log(`\n${reportText(report)}`)

    const figures = reports.flatMap((section) => section.figures)
    const failed = [...missed(figures, "ratio"), ...(strict ? missed(figures, "absolute") : [])]
    if (failed.length > 0) {
      return yield* new TargetMissed({
        message: `missed: ${failed.map(({ figure }) => figure.trim()).join("; ")}. The table above has the values`
      })
    }
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("Measure Metka on real servers, each figure beside its target"))

const write = (file: string, text: string) =>
  Effect.promise(async () => {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  })

Command.run(command, { version }).pipe(Effect.provide(NodeServices.layer), runMain("metka bench"))
