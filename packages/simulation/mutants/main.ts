/** `npm run mutants`: breaks one guard at a time in a copy of the source, and shows that the simulation notices. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { withProgress } from "@metka/cli/Progress"
import { runMain } from "@metka/core/runMain"
import { version } from "@metka/core/version"
import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { type Caught, tryGuards } from "./tryGuards.ts"
import { guards } from "./guards.ts"

export class GuardSurvived extends Schema.TaggedError<GuardSurvived>()("GuardSurvived", { message: Schema.String }) {}

const wholeNumber = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 }))

const flags = {
  seeds: Flag.Int("seeds").pipe(
    Flag.withSchema(wholeNumber),
    Flag.withDescription("Within how many seeds each must be noticed"),
    Flag.withDefault(3_000)
  ),
  only: Flag.String("only").pipe(
    Flag.withDescription("Only guards whose title contains this text"),
    Flag.withDefault("")
  )
}

const firstLine = (text: string) => text.split("\n")[0]?.slice(0, 100) ?? ""

const rowOf = ({ guard, problem, seeds }: Caught): string =>
  `| ${guard.title} | ${problem === null ? "not noticed" : seeds} | ${firstLine(problem ?? "").replaceAll("|", "\\|")} |`

const mutants = Command.make("mutants", flags, ({ only, seeds }) =>
  Effect.gen(function* () {
    const chosen = guards.filter(({ title }) => title.includes(only))
    let done = 0
    const results = yield* withProgress({ label: "breaking", total: chosen.length, unit: "guards" }, (progress) =>
      tryGuards(chosen, seeds, ({ guard }) => progress.update(++done, `· ${guard.title}`))
    )
    yield* Console.log("| Broken code | Seeds | What the simulation says |\n| --- | --- | --- |")
    for (const result of results) yield* Console.log(rowOf(result))
    const survived = results.filter(({ problem }) => problem === null)
    if (survived.length > 0) {
      return yield* new GuardSurvived({
        message: `${survived.length} of ${results.length} were not noticed within ${seeds} seeds: ${survived.map(({ guard }) => guard.title).join("; ")}`
      })
    }
    yield* Console.log(`\nAll ${results.length} were noticed.`)
  })
).pipe(
  Command.withDescription("Break one guard at a time in a copy of the source, and see whether the simulation notices")
)

Command.run(mutants, { version }).pipe(Effect.provide(NodeServices.layer), runMain("mutants"))
