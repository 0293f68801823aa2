/** Guests as a file, for the tool that sends a campaign. */
import { Effect, Schema, SchemaGetter, Stream } from "effect"
import { Csv } from "effect/encoding"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { SqlClient } from "effect/sql"
import { taggedGuests } from "./Audiences.ts"
import { refusingOthers, tagQuery } from "./ConsoleQuery.ts"
import { exportRows, type GuestList, type ListedGuest, membersFrom, readGuestsAfter } from "./GuestList.ts"
import { isLimited } from "./LastOrder.ts"
import type { MartReader, MartsBusy, MartsUnreadable } from "./MartReader.ts"
import { type EverybodyIsNear, nearGuests } from "./NearGuests.ts"
import type { UnknownTag } from "./UnknownTag.ts"
import { lastOrdered } from "./words.ts"

/** RFC 8187, 3.2.1. */
const encodeExtValue = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )

/** A tag may have 200 characters, a file's name 255 bytes: so many, of 3 bytes at most, leave room for the rest of it. */
const mostCharacters = 55

const shortened = (tag: string): string =>
  tag.length <= mostCharacters ? tag : `${tag.slice(0, mostCharacters).toWellFormed()}…`

/** What a program is told instead of the file. */
const refusalOf = (
  error: MartsBusy | MartsUnreadable | Schema.SchemaError | EverybodyIsNear | UnknownTag
): HttpServerResponse.HttpServerResponse => {
  const text = `${error.message}\n`
  // What it quotes is often Cyrillic.
  const contentType = "text/plain; charset=utf-8"
  switch (error._tag) {
    case "MartsBusy":
    case "MartsUnreadable":
      return HttpServerResponse.text(text, { status: 503, contentType, headers: { "retry-after": "5" } })
    case "SchemaError":
      return HttpServerResponse.text(text, { status: 400, contentType })
    case "EverybodyIsNear":
    case "UnknownTag":
      return HttpServerResponse.text(text, { status: 404, contentType })
  }
}

/** The codec of null alone would be the word "null". */
const emptyCell = Schema.Null.pipe(
  Schema.encodeTo(Schema.Literal(""), {
    decode: SchemaGetter.transform(() => null),
    encode: SchemaGetter.transform(() => "" as const)
  })
)

const lastOrderAt = Schema.Union([Schema.Date, emptyCell])

/** What is wrong from the start is said before the first byte; an answer that breaks off is not the whole file. */
const guestCsv = <Guest extends ListedGuest>(
  list: GuestList<Guest, EverybodyIsNear | UnknownTag>,
  /** Of the whole list, without its ending. */
  name: (tag: string) => string
) =>
  Effect.fnUntraced(
    function* (ask: MartReader["Service"]["ask"]) {
      const { tag, ...span } = yield* HttpServerRequest.schemaSearchParams(tagQuery, refusingOthers)
      yield* ask(list.ruleOf(tag))
      const context = yield* Effect.context<SqlClient.SqlClient>()
      const fileName = `${[name(shortened(tag)), ...(isLimited(span) ? [lastOrdered(span)] : [])].join(", ")}.csv`
      const readPart = (after: string | null) => ask(readGuestsAfter(list, tag, span, after, exportRows))
      const first = yield* readPart(null)
      const rest = first.next === null ? Stream.empty : membersFrom(readPart, first.next)
      const csv = Stream.concat(Stream.fromArray(first.members), rest).pipe(
        Stream.pipeThroughChannel(
          Csv.encodeSchema(Schema.Struct({ ...list.guest.fields, lastOrderAt }))({ headers: true })
        ),
        Stream.provideContext(context)
      )
      return HttpServerResponse.stream(csv, { contentType: "text/csv; charset=utf-8" }).pipe(
        HttpServerResponse.setHeader("content-disposition", `attachment; filename*=UTF-8''${encodeExtValue(fileName)}`)
      )
    },
    Effect.catch((error) => Effect.succeed(refusalOf(error)))
  )

/** The guests with a tag. */
export const audienceCsv = guestCsv(taggedGuests, (tag) => tag)

/** The guests whom one more order would give a tag. */
export const nearCsv = guestCsv(nearGuests, (tag) => `${tag}, one order short`)
