/** `metka why`: the orders behind a guest's tags. */
import { readTagReasons } from "@metka/console/TagReasons"
import * as Database from "@metka/core/Database"
import { Console, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { limitFlag } from "../flags.ts"
import { tagReasonsText } from "../TagReasonsText.ts"

export const why = Command.make(
  "why",
  {
    guest: Argument.String("guest").pipe(Argument.withDescription("The app's own id of the guest, or user_id in cdm")),
    tag: Argument.String("tag").pipe(
      Argument.withDescription("This tag alone, also when the guest does not have it"),
      Argument.optional
    ),
    limit: limitFlag("orders of each tag")
  },
  ({ guest, limit, tag }) =>
    readTagReasons(guest, Option.getOrUndefined(tag), limit).pipe(
      Effect.flatMap((reasons) => Console.log(tagReasonsText(reasons, Option.isSome(tag)))),
      Effect.provide(Database.layer("metka why"))
    )
).pipe(Command.withDescription("Why a guest has a tag: its rule, the counter, the orders behind it, and its history"))
