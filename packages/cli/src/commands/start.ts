/** `metka start`: the whole system in this process. */
import { untilSignal } from "@metka/core/runMain"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { ordersFlag, seedFlag } from "../flags.ts"

export const start = Command.make(
  "start",
  {
    orders: ordersFlag,
    seed: seedFlag,
    data: Flag.String("data").pipe(
      Flag.withDescription("Keep the database in this directory and go on where it stopped"),
      Flag.optional
    ),
    rules: Flag.String("rules").pipe(
      Flag.withDescription(
        "Tag rules from this file (YAML: rules: [{ tag, category, threshold }]), and again when it is saved"
      ),
      Flag.optional
    ),
    once: Flag.Boolean("once").pipe(Flag.withDescription("Exit after the summary"), Flag.withDefault(false))
  },
  // PGlite comes with it: what runs against real servers should not have to load a database.
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("../EmbeddedSystem.ts")),
      ({ runEmbedded }) => (options.once ? runEmbedded(options) : untilSignal(runEmbedded(options)))
    )
).pipe(Command.withDescription("The whole system in this process, with a demo week of orders"))
