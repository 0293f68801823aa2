/** What can be asked for, by a browser or a program. */
import { Effect, Option, Schema, SchemaGetter } from "effect"
import { isDay } from "./LastOrder.ts"

/** PostgreSQL holds no such text, so there is nothing to find. */
const Storable = Schema.makeFilter(
  (text: string) => !text.includes("\u0000") || "must be text without the character U+0000"
)

const text = (description: string, example: string) =>
  Schema.String.annotate({ description, examples: [example], message: "must be given once" }).check(Storable)

const between = (minimum: number, maximum: number, otherwise: number, description: string) =>
  Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))
    .annotate({ description, default: otherwise })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(String(otherwise))))

const given = { messageMissingKey: "must be given" }

const tag = text("The tag, spelled as in its rule", "Любитель супов").annotateKey(given)
const guestId = text("The app's own id of the guest", "626a81ce9a8cd1920641e29c").annotateKey(given)

/** How many rows can be asked for. */
export const maxLimit = 1_000

const limit = between(1, maxLimit, 20, "How many to list")

/** Of an audience, more rows make sense. */
const memberLimit = between(
  1,
  10_000,
  1_000,
  "How many guests to list at once; `after` asks for the others. An answer with many costs no more than one with few"
)

const after = text("`next` of the answer before: the guests after those", "626a81ce9a8cd1920641e29c")

const page = between(1, 1_000_000, 1, "Which page of the list")

const day = (description: string) =>
  Schema.String.annotate({
    description: `${description}, as YYYY-MM-DD in the business time zone`,
    examples: ["2023-04-08"]
  }).check(isDay)

const orderedSince = day("Guests whose last order was on this day or later")
const notOrderedSince = day("Guests whose last order was before this day")

const spanQuery = {
  orderedSince: Schema.optionalKey(orderedSince),
  notOrderedSince: Schema.optionalKey(notOrderedSince)
}

/** A form sends the day that was not filled in as an empty text. A program that does so has lost a day: it is told. */
const filledIn = (given: Schema.String) =>
  Schema.optionalKey(Schema.String).pipe(
    Schema.decodeTo(Schema.optionalKey(given), {
      decode: SchemaGetter.transformOptional(Option.filter((text) => text !== "")),
      encode: SchemaGetter.passthrough()
    })
  )

/** What nobody reads limits nothing: with a misspelt day a campaign would go to everybody. */
export const refusingOthers = { onExcessProperty: "error" } as const

const query = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct(fields).annotate({
    messageUnexpectedKey: `is not a parameter here; there are: ${Object.keys(fields).join(", ")}`
  })

export const tagQuery = query({ tag, ...spanQuery })
export const membersQuery = query({ tag, after: Schema.optionalKey(after), limit: memberLimit, ...spanQuery })
export const tagPageQuery = query({
  tag,
  page,
  orderedSince: filledIn(orderedSince),
  notOrderedSince: filledIn(notOrderedSince)
})
const guestFields = { id: guestId, tag: Schema.optionalKey(tag), limit }
export const guestQuery = query(guestFields)
export const limitQuery = query({ limit })
/** Without an id there is nobody to tell of yet. */
export const guestPageQuery = query({ ...guestFields, id: Schema.optionalKey(guestId) })
/** `/?still` */
export const overviewQuery = query({ still: Schema.optionalKey(Schema.String) })
