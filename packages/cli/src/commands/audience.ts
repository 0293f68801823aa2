/** `metka audience`: whom a campaign is for. */
import { readAudiences, taggedGuests } from "@metka/console/Audiences"
import { exportRows, type GuestList, type ListedGuest, membersFrom, readGuestsAfter } from "@metka/console/GuestList"
import { isDay, isLimited, type LastOrderSpan } from "@metka/console/LastOrder"
import { nearGuests } from "@metka/console/NearGuests"
import { lastOrdered } from "@metka/console/words"
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

const list = Effect.fnUntraced(function* <Guest extends ListedGuest, E>(
  guests: GuestList<Guest, E>,
  tag: string,
  span: LastOrderSpan,
  { nobody, tables }: ListWords
) {
  const unprintable: Array<string> = []
  let total = 0
  yield* membersFrom((after) => readGuestsAfter(guests, tag, span, after, exportRows)).pipe(
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

const listMembers = (tag: string, span: LastOrderSpan) =>
  list(taggedGuests, tag, span, {
    nobody: isLimited(span)
      ? `No guest with the tag «${tag}» ${lastOrdered(span)}.`
      : `No guest has the tag «${tag}» now.`,
    tables: "cdm.user_tags and cdm.guests"
  })

const listNear = (tag: string, span: LastOrderSpan) =>
  list(nearGuests, tag, span, {
    nobody: isLimited(span)
      ? `No guest one order short of the tag «${tag}» ${lastOrdered(span)}.`
      : `No guest is one order short of the tag «${tag}» now.`,
    tables: "cdm.user_category_counters and cdm.guests"
  })

/** @param which guests it lists, by the day of their last order */
const dayFlag = (name: string, which: string) =>
  Flag.String(name).pipe(
    Flag.withSchema(Schema.String.check(isDay)),
    Flag.withMetavar("YYYY-MM-DD"),
    Flag.withDescription(`List those whose last order was ${which}, in the business time zone`),
    Flag.optional
  )

/** Over a database, which comes from outside. */
export const audienceOver = Command.make(
  "audience",
  {
    tag: Argument.String("tag").pipe(Argument.withDescription("List the guests with this tag"), Argument.optional),
    near: Flag.Boolean("near").pipe(
      Flag.withDescription("List the guests whom one more order now would give the tag"),
      Flag.withDefault(false)
    ),
    orderedSince: dayFlag("ordered-since", "on this day or later"),
    notOrderedSince: dayFlag("not-ordered-since", "before this day")
  },
  Effect.fnUntraced(function* ({ near, notOrderedSince, orderedSince, tag }) {
    const span: LastOrderSpan = {
      ...(Option.isSome(orderedSince) && { orderedSince: orderedSince.value }),
      ...(Option.isSome(notOrderedSince) && { notOrderedSince: notOrderedSince.value })
    }
    if (Option.isSome(tag)) return yield* near ? listNear(tag.value, span) : listMembers(tag.value, span)
    if (near) return yield* new NoTagGiven({ message: "--near lists guests of one tag: metka audience TAG --near" })
    if (isLimited(span)) {
      return yield* new NoTagGiven({
        message: "days of the last order are of guests of one tag: metka audience TAG --ordered-since YYYY-MM-DD"
      })
    }
    yield* Console.log(audiencesText(yield* readAudiences))
  })
).pipe(
  Command.withDescription(
    "How many guests have each tag, and how many lack one order; with a tag, the app's ids of its guests, one a line"
  )
)

export const audience = Command.provide(audienceOver, Database.layer("metka audience"))
