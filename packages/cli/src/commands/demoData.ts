/** `metka demo-data`: the demo week as files for `metka references load` and `metka load`. */
import { Clock, Console, Effect, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { createWriteStream, mkdirSync } from "node:fs"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { stringify } from "yaml"
import { demoFiles } from "../demo/demoFiles.ts"
import { demoWeek } from "../demo/demoWeek.ts"
import { demoRules } from "../demo/demoRules.ts"
import { ordersFlag, seedFlag } from "../flags.ts"

export class FilesNotWritten extends Schema.TaggedError<FilesNotWritten>()("FilesNotWritten", {
  message: Schema.String
}) {}

function* withLineEnds(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${line}\n`
}

export const demoData = Command.make(
  "demo-data",
  {
    directory: Argument.String("directory").pipe(Argument.withDescription("Where to write; made when it is not there")),
    orders: ordersFlag,
    seed: seedFlag
  },
  ({ directory, orders, seed }) =>
    Effect.gen(function* () {
      const endsAt = yield* Clock.currentTimeMillis
      const week = demoWeek({ orders, seed, endsAt, rhythmEndsAt: endsAt })
      const files = { ...demoFiles(week), "rules.yaml": [stringify({ rules: demoRules }).trimEnd()] }
      yield* Effect.tryPromise({
        try: async () => {
          mkdirSync(directory, { recursive: true })
          for (const [name, lines] of Object.entries(files)) {
            await pipeline(Readable.from(withLineEnds(lines)), createWriteStream(join(directory, name)))
          }
        },
        catch: (cause) =>
          new FilesNotWritten({
            message: `${directory} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`
          })
      })
      yield* Console.log(
        `${week.messageCount} messages of ${orders} orders in ${join(directory, "orders.jsonl")}, their guests and ` +
          `restaurants in ${join(directory, "references.jsonl")}, tag rules in ${join(directory, "rules.yaml")}.\n` +
          `Next, with tables made by npm run migrate and npm run all in another window: ` +
          `npx metka references load ${join(directory, "references.jsonl")} && ` +
          `npx metka rules apply ${join(directory, "rules.yaml")} && npx metka load --wait ${join(directory, "orders.jsonl")}`
      )
    })
).pipe(Command.withDescription("Write the demo week as files"))
