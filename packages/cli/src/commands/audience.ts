/** `metka audience`: whom a campaign is for. */
import * as Database from "@metka/core/Database"
import { Console, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { audiencesText, readAudience, readAudiences } from "../Audience.ts"

export const audience = Command.make(
  "audience",
  {
    tag: Argument.String("tag").pipe(Argument.withDescription("List the guests with this tag"), Argument.optional)
  },
  ({ tag }) =>
    Option.match(tag, {
      onNone: () => Effect.flatMap(readAudiences, (audiences) => Console.log(audiencesText(audiences))),
      onSome: (tag) =>
        Effect.flatMap(readAudience(tag), (guests) =>
          guests.length === 0 ? Console.warn(`No guest has the tag «${tag}» now.`) : Console.log(guests.join("\n"))
        )
    }).pipe(Effect.provide(Database.layer("metka audience")))
).pipe(Command.withDescription("How many guests have each tag; with a tag, the app's ids of its guests, one a line"))
