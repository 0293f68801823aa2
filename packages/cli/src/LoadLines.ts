/** Takes a file of JSON lines in, page by page: good lines are sent, bad ones are told with their numbers. */
import { Effect, Result, Stream } from "effect"
import { type InputLine, inputLines } from "./InputLines.ts"
import type { Progress } from "./Progress.ts"

/** A line that was not taken, and why. */
export interface BadLine {
  readonly number: number
  readonly why: string
}

export interface Loaded {
  readonly sent: number
  /** The first of them, as many as a person reads. */
  readonly badLines: ReadonlyArray<BadLine>
  readonly badCount: number
}

const pageSize = 2_000
const keptBadLines = 20

/** A line that was read, on its way out. */
export interface GoodLine<A> {
  readonly line: InputLine
  readonly value: A
}

/**
 * @param read what a line says, or why it cannot be taken
 * @param send sends a page in the file's order; returns the lines that the receiver refused after all
 */
export const loadLines = <A, E, R>(
  path: string,
  progress: Progress,
  read: (line: Uint8Array) => Result.Result<A, string>,
  send: (page: ReadonlyArray<GoodLine<A>>) => Effect.Effect<ReadonlyArray<BadLine>, E, R>
) =>
  Effect.gen(function* () {
    let sent = 0
    let badCount = 0
    const badLines: Array<BadLine> = []
    const refuse = (bad: BadLine) => {
      badCount += 1
      if (badLines.length < keptBadLines) badLines.push(bad)
    }
    yield* inputLines(path, pageSize).pipe(
      Stream.runForEach((page) =>
        Effect.gen(function* () {
          const good: Array<GoodLine<A>> = []
          for (const line of page) {
            Result.match(read(line.bytes), {
              onFailure: (why) => refuse({ number: line.number, why }),
              onSuccess: (value) => good.push({ line, value })
            })
          }
          const refused = yield* send(good)
          for (const bad of refused) refuse(bad)
          sent += good.length - refused.length
          yield* progress.update(sent + badCount)
        })
      )
    )
    const loaded: Loaded = { sent, badLines, badCount }
    return loaded
  })
