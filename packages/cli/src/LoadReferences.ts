/** Fills Redis: users and restaurants, in the format the app's loader writes. */
import { decodeReferenceDocument } from "@metka/core/messages/Reference"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Effect } from "effect"
import { type GoodLine, loadLines } from "./LoadLines.ts"
import type { Progress } from "./Progress.ts"

/** Writes the good lines under their ids. */
export const loadReferences = Effect.fnUntraced(function* (path: string, progress: Progress) {
  const references = yield* ReferenceData
  const send = (page: ReadonlyArray<GoodLine<string>>) =>
    references.load(page.map(({ line, value }) => ({ id: value, json: line.text }))).pipe(Effect.as([]))
  return yield* loadLines(path, progress, decodeReferenceDocument, send)
})
