/** `metka bi`: the views that charts are made of. */
import { refresh as refreshViews } from "@metka/cdm/BiRefresh"
import * as Database from "@metka/core/Database"
import { Console, Duration, Effect } from "effect"
import { Command } from "effect/cli"

const refresh = Command.make("refresh", {}, () =>
  Effect.gen(function* () {
    const [took, refreshed] = yield* Effect.timed(refreshViews)
    yield* Console.log(
      refreshed
        ? `The views of BI are as of now; computing them took ${(Duration.toMillis(took) / 1_000).toFixed(1)} s.`
        : "Somebody else is computing the views of BI just now. Nothing to do."
    )
  }).pipe(Effect.provide(Database.layer("metka bi")))
).pipe(Command.withDescription("Compute the views of BI now, instead of when CDM next does"))

export const bi = Command.make("bi").pipe(
  Command.withDescription("The views that DataLens and other tools read"),
  Command.withSubcommands([refresh])
)
