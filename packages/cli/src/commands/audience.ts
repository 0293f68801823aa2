/** `metka audience`: whom a campaign is for. */
import { exportRows, membersFrom, readAudiences, readMembersAfter } from "@metka/console/Audiences"
import * as Database from "@metka/core/Database"
import { Console, Effect, Option, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import { audiencesText, listed } from "../AudienceText.ts"
import { printable } from "../terminal.ts"

const list = Effect.fnUntraced(function* (tag: string) {
  const unprintable: Array<string> = []
  let total = 0
  yield* membersFrom((after) => readMembersAfter(tag, after, exportRows)).pipe(
    Stream.runForEachArray((members) => {
      const found = listed(members.map(({ guest }) => guest))
      unprintable.push(...found.unprintable)
      total += members.length
      return found.guests.length > 0 ? Console.log(found.guests.join("\n")) : Effect.void
    })
  )
  if (unprintable.length > 0) {
    yield* Console.warn(
      `Left out, since their ids hold control characters: ${unprintable.map(printable).join(", ")}. ` +
        "They are in cdm.user_tags and cdm.guests."
    )
  }
  if (total === 0) yield* Console.warn(`No guest has the tag «${tag}» now.`)
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
