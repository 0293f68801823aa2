/** The reference documents in Redis, as the app's loader writes them: users (our guests) and restaurants. */
import { Result, Schema } from "effect"
import "effect/schema/SchemaJITCompiler/enable"
import { referenceVersion, unknownVersion } from "./ReferenceVersion.ts"
import { utf8Text } from "./utf8Text.ts"

/** A guest. `version` is the reference's own `update_ts_utc`. */
export interface Guest {
  readonly id: string
  readonly name: string
  readonly login: string
  readonly version: string
}

/** A dish as the menu has it. */
export interface Dish {
  readonly name: string
  readonly category: string
}

/** A restaurant with its menu by dish id. `version` is the reference's own `update_ts_utc`. */
export interface Restaurant {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly menu: ReadonlyMap<string, Dish>
}

/** A restaurant, and why dishes of its menu could not be read; such a dish is not on the menu. */
export interface ReadRestaurant {
  readonly restaurant: Restaurant
  readonly unreadableDishes: ReadonlyArray<string>
}

const StorableText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      (text.isWellFormed() && !text.includes("\u0000")) ||
      "PostgreSQL cannot hold it: it has the character U+0000 or a lone surrogate"
  )
)
const StorableName = StorableText.check(Schema.isNonEmpty())

const User = Schema.Struct({
  _id: Schema.NonEmptyString,
  name: StorableName,
  login: StorableText,
  update_ts_utc: Schema.optionalKey(StorableText)
})

const RestaurantDocument = Schema.Struct({
  _id: Schema.NonEmptyString,
  name: StorableName,
  menu: Schema.Array(Schema.Unknown),
  update_ts_utc: Schema.optionalKey(StorableText)
})

const MenuItem = Schema.Struct({ _id: Schema.NonEmptyString, name: StorableName, category: StorableName })

const decodeUser = Schema.decodeUnknownResult(User)
const decodeRestaurantDocument = Schema.decodeUnknownResult(RestaurantDocument)
const decodeMenuItem = Schema.decodeUnknownResult(MenuItem)

/** What is wrong is said in a log line or a terminal: long enough to find it, short enough to read. */
const whyLimit = 300
const shorten = (why: string): string => why.replaceAll(/\s+/g, " ").slice(0, whyLimit).toWellFormed()

const parse = (document: string | Uint8Array): Result.Result<unknown, string> => {
  const text = typeof document === "string" ? document : utf8Text(document)
  if (text === undefined) return Result.fail("it is not UTF-8 text")
  try {
    const json: unknown = JSON.parse(text)
    return Result.succeed(json)
  } catch (error) {
    return Result.fail(shorten(error instanceof Error ? error.message : String(error)))
  }
}

const read = <A extends { readonly _id: string }>(
  id: string | undefined,
  document: string | Uint8Array,
  decode: (json: unknown) => Result.Result<A, Schema.SchemaError>
): Result.Result<A, string> =>
  Result.flatMap(parse(document), (json) =>
    Result.match(decode(json), {
      onFailure: (error) => Result.fail(shorten(error.message)),
      onSuccess: (value) =>
        id === undefined || value._id === id
          ? Result.succeed(value)
          : Result.fail(shorten(`the document says that it is ${JSON.stringify(value._id)}`))
    })
  )

/** Reads the document of a guest, or says why it cannot be read as one. */
export const decodeGuest = (id: string, document: string | Uint8Array): Result.Result<Guest, string> =>
  Result.map(read(id, document, decodeUser), ({ _id, login, name, update_ts_utc: version = "" }) => ({
    id: _id,
    name,
    login,
    version
  }))

/** Reads the document of a restaurant, or says why it cannot be read as one. Of a dish named twice the last counts. */
export const decodeRestaurant = (id: string, document: string | Uint8Array): Result.Result<ReadRestaurant, string> =>
  Result.map(read(id, document, decodeRestaurantDocument), toRestaurant)

const toRestaurant = (document: typeof RestaurantDocument.Type): ReadRestaurant => {
  const menu = new Map<string, Dish>()
  const unreadableDishes: Array<string> = []
  for (const [index, item] of document.menu.entries()) {
    Result.match(decodeMenuItem(item), {
      onFailure: (error) => unreadableDishes.push(shorten(`menu[${index}]: ${error.message}`)),
      onSuccess: ({ _id, category, name }) => menu.set(_id, { name, category })
    })
  }
  const { _id, name, update_ts_utc: version = "" } = document
  return { restaurant: { id: _id, name, version, menu }, unreadableDishes }
}

const hasMenu = (json: unknown): boolean => typeof json === "object" && json !== null && "menu" in json

export const hasReadableTime = (time: string): boolean => referenceVersion(time) !== unknownVersion

/** A reader puts up with a time that it cannot read, and takes the reference for the oldest there is. */
const strictly = <A extends { readonly update_ts_utc?: string }>(document: A): Result.Result<A, string> => {
  const { update_ts_utc: time } = document
  return time === undefined || hasReadableTime(time)
    ? Result.succeed(document)
    : Result.fail(shorten(`update_ts_utc: expected a time as YYYY-MM-DD HH:MM:SS, got ${JSON.stringify(time)}`))
}

/**
 * Checks a document before it is loaded, more strictly than a reader does: no dish may be unreadable, and no time.
 * @returns its `_id`, or what is wrong with it
 */
export const decodeReferenceDocument = (text: string): Result.Result<string, string> =>
  Result.flatMap(parse(text), (json) => {
    if (!hasMenu(json)) {
      return Result.map(Result.flatMap(read(undefined, text, decodeUser), strictly), ({ _id }) => _id)
    }
    const document = Result.flatMap(read(undefined, text, decodeRestaurantDocument), strictly)
    return Result.flatMap(Result.map(document, toRestaurant), (found) => {
      const [why] = found.unreadableDishes
      return why === undefined ? Result.succeed(found.restaurant.id) : Result.fail(why)
    })
  })
