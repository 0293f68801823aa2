/** `metka`: the operator's command line. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { runMain } from "@metka/core/runMain"
import { version } from "@metka/core/version"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { audience } from "./commands/audience.ts"
import { bi } from "./commands/bi.ts"
import { deadLetters } from "./commands/deadLetters.ts"
import { demoData } from "./commands/demoData.ts"
import { load, references } from "./commands/load.ts"
import { parked } from "./commands/parked.ts"
import { rebuild } from "./commands/rebuild.ts"
import { republish } from "./commands/republish.ts"
import { roles } from "./commands/roles.ts"
import { rules } from "./commands/rules.ts"
import { all, console, migrate } from "./commands/services.ts"
import { start } from "./commands/start.ts"
import { verify } from "./commands/verify.ts"
import { why } from "./commands/why.ts"

const metka = Command.make("metka").pipe(
  Command.withDescription("Tags the guests of a food-ordering app from their CLOSED orders"),
  Command.withSubcommands([
    start,
    migrate,
    all,
    console,
    references,
    load,
    rules,
    audience,
    why,
    parked,
    deadLetters,
    republish,
    verify,
    rebuild,
    bi,
    roles,
    demoData
  ])
)

Command.run(metka, { version }).pipe(Effect.provide(NodeServices.layer), runMain("metka"))
