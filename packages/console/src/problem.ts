/** A failure as HTTP APIs tell it: `application/problem+json`, RFC 9457. */
import { Schema, SchemaGetter } from "effect"
import { ProblemDetails } from "effect/http"
import { HttpApiSchema } from "effect/http-api"

/** The titles that the RFC gives problems that are no more than their status. */
const titles = { 404: "Not Found", 503: "Service Unavailable" }

interface Failure extends Schema.Codec<{ readonly message: string }, { readonly message: string }> {
  readonly fields: Schema.Struct.Fields
}

/** Its own fields stay beside those of the RFC: `_tag` tells a program which of the failures of this status it is. */
export const problem = <F extends Failure>(status: keyof typeof titles, failure: F) => {
  const kind = { type: ProblemDetails.blankType, title: titles[status], status } as const
  return failure.pipe(
    Schema.encodeTo(
      Schema.Struct({
        ...failure.fields,
        message: Schema.String,
        type: Schema.Literal(kind.type),
        title: Schema.Literal(kind.title),
        status: Schema.Literal(status),
        detail: Schema.String
      }),
      {
        decode: SchemaGetter.passthroughSubtype(),
        encode: SchemaGetter.transform((failed: F["Encoded"]) => ({ ...failed, ...kind, detail: failed.message }))
      }
    ),
    HttpApiSchema.asJson({ contentType: ProblemDetails.contentType }),
    HttpApiSchema.status(status)
  )
}
