/** Bytes of a record → a value of a schema, or what is wrong with them. Decoders are built once, not per record. */
import { Result, Schema } from "effect"
import type { SchemaError } from "effect/Schema"
import "effect/schema/SchemaJITCompiler/enable"
import { BadRecord, cleanDetail } from "./BadRecord.ts"
import { isTooDeep, nestingLimit } from "./nesting.ts"
import { unstorableText } from "./unstorableText.ts"
import { utf8Text } from "./utf8Text.ts"

const bad = (reason: BadRecord["reason"], detail: string) =>
  Result.fail(new BadRecord({ reason, detail: cleanDetail(detail) }))

export const makeDecoder = <A>(schema: Schema.ConstraintDecoder<A>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (bytes: Uint8Array | null): Result.Result<A, BadRecord> => {
    if (bytes === null || bytes.length === 0) return bad("empty_value", "the record has no value")
    const text = utf8Text(bytes)
    if (text === undefined) return bad("not_utf8", "the value is not UTF-8 text")
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (error) {
      return bad("not_json", error instanceof Error ? error.message : String(error))
    }
    if (isTooDeep(text)) return bad("schema", `nested deeper than ${nestingLimit} levels`)
    const unstorable = unstorableText(text)
    if (unstorable !== undefined) {
      return bad("unstorable_text", `PostgreSQL cannot hold ${unstorable}, which the value spells`)
    }
    return Result.match(decode(json), {
      onFailure: (error: SchemaError) => bad("schema", error.message),
      onSuccess: Result.succeed
    })
  }
}
