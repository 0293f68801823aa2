/** The guests with a tag as a file, for the tool that sends a campaign. */
import { Effect, Schema, Stream } from "effect"
import { Csv } from "effect/encoding"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { SqlClient } from "effect/sql"
import { exportRows, Member, membersFrom, readMembersAfter, ruleOf } from "./Audiences.ts"
import { tagQuery } from "./ConsoleQuery.ts"
import type { MartReader, MartsBusy, MartsUnreadable } from "./MartReader.ts"
import type { UnknownTag } from "./UnknownTag.ts"

/** RFC 8187, 3.2.1. */
const encodeExtValue = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )

/** What a program is told instead of the file. */
const refusalOf = (
  error: MartsBusy | MartsUnreadable | Schema.SchemaError | UnknownTag
): HttpServerResponse.HttpServerResponse => {
  const text = `${error.message}\n`
  switch (error._tag) {
    case "MartsBusy":
    case "MartsUnreadable":
      return HttpServerResponse.text(text, { status: 503, headers: { "retry-after": "5" } })
    case "SchemaError":
      return HttpServerResponse.text(text, { status: 400 })
    case "UnknownTag":
      return HttpServerResponse.text(text, { status: 404 })
  }
}

/** What is wrong from the start is said before the first byte; an answer that breaks off is not the whole file. */
export const audienceCsv = Effect.fnUntraced(
  function* (ask: MartReader["Service"]["ask"]) {
    const { tag } = yield* HttpServerRequest.schemaSearchParams(Schema.Struct(tagQuery))
    yield* ask(ruleOf(tag))
    const context = yield* Effect.context<SqlClient.SqlClient>()
    const csv = membersFrom((after) => ask(readMembersAfter(tag, after, exportRows))).pipe(
      Stream.pipeThroughChannel(
        Csv.encodeSchema(Member)({ headers: true, columns: ["guest", "orderCount", "givenAt"] })
      ),
      Stream.provideContext(context)
    )
    return HttpServerResponse.stream(csv, { contentType: "text/csv; charset=utf-8" }).pipe(
      HttpServerResponse.setHeader(
        "content-disposition",
        `attachment; filename*=UTF-8''${encodeExtValue(`${tag}.csv`)}`
      )
    )
  },
  Effect.catch((error) => Effect.succeed(refusalOf(error)))
)
