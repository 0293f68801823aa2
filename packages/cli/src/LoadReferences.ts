/** Fills Redis: JSON lines of users and restaurants, in the format the app's loader writes. */
import { decodeReferenceDocument } from "@metka/core/messages/Reference"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Effect, Result, Stream } from "effect"
import { inputLines } from "./InputLines.ts"
import type { BadLine, Loaded } from "./LoadOrders.ts"
import type { Progress } from "./Progress.ts"

const pageSize = 1_000
const keptBadLines = 20

/** Writes the good lines; a bad one is told with its number. */
export const loadReferences = Effect.fnUntraced(function* (path: string, progress: Progress) {
  const references = yield* ReferenceData
  let sent = 0
  let badCount = 0
  const badLines: Array<BadLine> = []
  yield* inputLines(path, pageSize).pipe(
    Stream.runForEach((page) =>
      Effect.gen(function* () {
        const documents: Array<{ readonly id: string; readonly json: string }> = []
        for (const line of page) {
          Result.match(decodeReferenceDocument(line.text), {
            onFailure: (why) => {
              badCount += 1
              if (badLines.length < keptBadLines) badLines.push({ number: line.number, why })
            },
            onSuccess: (id) => documents.push({ id, json: line.text })
          })
        }
        yield* references.load(documents)
        sent += documents.length
        yield* progress.update(sent + badCount)
      })
    )
  )
  const loaded: Loaded = { sent, badLines, badCount }
  return loaded
})
