/** Fills Redis: users and restaurants, in the format the app's loader writes. */
import { decodeReferenceDocument } from "@metka/core/messages/Reference"
import { utf8Text } from "@metka/core/messages/utf8Text"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Effect, Result } from "effect"
import { type GoodLine, loadLines } from "./LoadLines.ts"
import type { Progress } from "./Progress.ts"

interface Document {
  readonly id: string
  readonly json: string
}

const readDocument = (line: Uint8Array): Result.Result<Document, string> => {
  const json = utf8Text(line)
  if (json === undefined) return Result.fail("the document is not UTF-8 text")
  return Result.map(decodeReferenceDocument(json), (id) => ({ id, json }))
}

/** Writes the good lines under their ids. */
export const loadReferences = Effect.fnUntraced(function* (path: string, progress: Progress) {
  const references = yield* ReferenceData
  const send = (page: ReadonlyArray<GoodLine<Document>>) =>
    references.load(page.map(({ value }) => value)).pipe(Effect.as([]))
  return yield* loadLines(path, progress, readDocument, send)
})
