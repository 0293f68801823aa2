/** `metka audience`: whom a campaign is for. */
import { readAudiences, readMembersAfter } from "@metka/console/Audiences"
import { exportRows, type ListedGuest, membersFrom, type Part } from "@metka/console/GuestList"
import { readNearAfter } from "@metka/console/NearGuests"
import * as Database from "@metka/core/Database"
import { Console, Effect, Option, Schema, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { audiencesText, listed } from "../AudienceText.ts"
import { printable } from "../terminal.ts"

export class NoTagGiven extends Schema.TaggedError<NoTagGiven>()("NoTagGiven", { message: Schema.String }) {}

interface ListWords {
  /** What is said where there is nobody. */
  readonly nobody: string
  /** Where ids stand that a line cannot hold. */
  readonly tables: string
}

const list = Effect.fnUntraced(function* <E, R>(
  readAfter: (after: string | null) => Effect.Effect<Part<ListedGuest>, E, R>,
  { nobody, tables }: ListWords
) {
  const unprintable: Array<string> = []
  let total = 0
  yield* membersFrom(readAfter).pipe(
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
        `They are in ${tables}.`
    )
  }
  if (total === 0) yield* Console.warn(nobody)
})

const listMembers = (tag: string) =>
  list((after) => readMembersAfter(tag, after, exportRows), {
    nobody: `No guest has the tag «${tag}» now.`,
    tables: "cdm.user_tags and cdm.guests"
  })

const listNear = (tag: string) =>
  list((after) => readNearAfter(tag, after, exportRows), {
    nobody: `No guest is one order short of the tag «${tag}» now.`,
    tables: "cdm.user_category_counters and cdm.guests"
  })

export const audience = Command.make(
  "audience",
  {
    tag: Argument.String("tag").pipe(Argument.withDescription("List the guests with this tag"), Argument.optional),
    near: Flag.Boolean("near").pipe(
      Flag.withDescription("List the guests whom one more order would give the tag"),
      Flag.withDefault(false)
    )
  },
  ({ near, tag }) =>
    Effect.gen(function* () {
      if (Option.isSome(tag)) return yield* near ? listNear(tag.value) : listMembers(tag.value)
      if (near) return yield* new NoTagGiven({ message: "--near lists guests of one tag: metka audience TAG --near" })
      yield* Console.log(audiencesText(yield* readAudiences))
    }).pipe(Effect.provide(Database.layer("metka audience")))
).pipe(
  Command.withDescription(
    "How many guests have each tag, and how many lack one order; with a tag, the app's ids of its guests, one a line"
  )
)
