/** `metka audience`: whom a campaign is for. */
import * as Database from "@metka/core/Database"
import { Console, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { audiencesText, listed, readAudience, readAudiences } from "../Audience.ts"
import { printable } from "../terminal.ts"

const list = Effect.fnUntraced(function* (tag: string) {
  const { guests, unprintable } = listed(yield* readAudience(tag))
  if (guests.length > 0) yield* Console.log(guests.join("\n"))
  if (unprintable.length > 0) {
    yield* Console.warn(
      `Left out, since their ids hold control characters: ${unprintable.map(printable).join(", ")}. ` +
        "They are in cdm.user_tags and cdm.guests."
    )
  }
  if (guests.length + unprintable.length === 0) yield* Console.warn(`No guest has the tag «${tag}» now.`)
})

export const audience = Command.make(
  "audience",
  {
    tag: Argument.String("tag").pipe(Argument.withDescription("List the guests with this tag"), Argument.optional)
  },
  ({ tag }) =>
    Option.match(tag, {
      onNone: () => Effect.flatMap(readAudiences, (audiences) => Console.log(audiencesText(audiences))),
      onSome: list
    }).pipe(Effect.provide(Database.layer("metka audience")))
).pipe(Command.withDescription("How many guests have each tag; with a tag, the app's ids of its guests, one a line"))
