/** `metka references load` and `metka load`: day one on real servers. */
import * as KafkaJs from "@metka/core/KafkaJs"
import * as RedisReferenceData from "@metka/core/RedisReferenceData"
import * as TelemetryExport from "@metka/core/TelemetryExport"
import { Topology } from "@metka/core/Topology"
import { Console, Effect, Layer, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { followUntilDone } from "../FollowUntilDone.ts"
import { countLines } from "../InputLines.ts"
import { leftOver } from "../LeftOver.ts"
import type { Loaded } from "../LoadLines.ts"
import { loadOrders } from "../LoadOrders.ts"
import { loadReferences } from "../LoadReferences.ts"
import { withProgress } from "../Progress.ts"

/** Some lines were not taken. The others were. */
export class BadLines extends Schema.TaggedError<BadLines>()("BadLines", { message: Schema.String }) {}

const report = Effect.fnUntraced(function* (file: string, what: string, { badLines, sent }: Loaded) {
  yield* Console.log(`${sent} ${what} from ${file}.`)
  for (const { number, why } of badLines) yield* Console.error(`${file}:${number}: ${why.split("\n").join(" ")}`)
})

const failIfBad = ({ badCount, badLines }: Loaded) =>
  badCount === 0
    ? Effect.void
    : new BadLines({
        message: `${badCount} lines were left out${
          badCount > badLines.length ? `, the first ${badLines.length} are listed above` : ", listed above"
        }. Mend them and load the file again: what is there already changes nothing.`
      })

export const references = Command.make("references").pipe(
  Command.withDescription("Guests, restaurants and menus in Redis"),
  Command.withSubcommands([
    Command.make(
      "load",
      {
        file: Argument.String("file").pipe(
          Argument.withDescription("JSON lines of users and restaurants; gzip too; - for standard input")
        )
      },
      ({ file }) =>
        Effect.gen(function* () {
          const total = yield* countLines(file)
          const loaded = yield* withProgress({ label: "references", total, unit: "documents" }, (progress) =>
            loadReferences(file, progress)
          )
          yield* report(file, "references written", loaded)
          yield* failIfBad(loaded)
        }).pipe(Effect.provide(RedisReferenceData.layer))
    ).pipe(Command.withDescription("Fill Redis from a file"))
  ])
)

export const load = Command.make(
  "load",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("JSON lines of order messages; gzip too; - for standard input")
    ),
    wait: Flag.Boolean("wait").pipe(
      Flag.withDescription("Follow until the marts have everything"),
      Flag.withDefault(false)
    )
  },
  ({ file, wait }) =>
    Effect.gen(function* () {
      const total = yield* countLines(file)
      const loaded = yield* withProgress({ label: "orders", total, unit: "messages" }, (progress) =>
        loadOrders(file, progress)
      )
      // Before the waiting, which may fail or be broken off.
      yield* report(file, "orders sent", loaded)
      if (wait) {
        const seconds = yield* followUntilDone
        const left = yield* leftOver
        const what = left === "" ? "The marts have everything" : "The marts have everything they can"
        yield* Console.log(`${what}, ${seconds.toFixed(1)} s after the last order was sent. ${left}`.trimEnd())
      }
      yield* failIfBad(loaded)
    }).pipe(
      Effect.provide(
        Layer.mergeAll(KafkaJs.layer, Topology.layer).pipe(Layer.provideMerge(TelemetryExport.layer("metka-load")))
      )
    )
).pipe(Command.withDescription("Send history into the orders topic"))
