/** What can be asked for, by a browser or a program. */
import { Effect, Schema } from "effect"

/** PostgreSQL holds no such text, so there is nothing to find. */
const Text = Schema.String.check(
  Schema.makeFilter((text) => !text.includes("\u0000") || "text without the character U+0000")
)

const between = (minimum: number, maximum: number, otherwise: number) =>
  Schema.FiniteFromString.annotate({ description: `${minimum} to ${maximum}; ${otherwise} unless given` })
    .check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(String(otherwise))))

/** How many rows can be asked for. */
export const maxLimit = 1_000

const limit = between(1, maxLimit, 20)

/** Of an audience, more rows make sense. */
const memberLimit = between(1, 10_000, 1_000)

/** From 1 on. */
const page = between(1, 1_000_000, 1)

export const tagQuery = { tag: Text }
export const membersQuery = { tag: Text, after: Schema.optionalKey(Text), limit: memberLimit }
export const tagPageQuery = { tag: Text, page }
export const guestQuery = { id: Text, tag: Schema.optionalKey(Text), limit }
export const limitQuery = { limit }
/** Without an id there is nobody to tell of yet. */
export const guestPageQuery = { ...guestQuery, id: Schema.optionalKey(Text) }
/** `/?still` */
export const overviewQuery = { still: Schema.optionalKey(Text) }
