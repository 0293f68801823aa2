/** The lines of a file, plain or gzip, or of standard input (`-`), with their numbers, a page at a time. */
import { Effect, Schema, Stream } from "effect"
import { createReadStream, statSync } from "node:fs"
import { PassThrough, type Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import { byteLines } from "./ByteLines.ts"

export interface InputLine {
  /** From 1. */
  readonly number: number
  /** As they stand in the file: whether they are UTF-8 text is for their reader to say. */
  readonly bytes: Uint8Array
}

export class InputUnreadable extends Schema.TaggedError<InputUnreadable>()("InputUnreadable", {
  message: Schema.String
}) {}

const unreadable = (path: string, cause: unknown): InputUnreadable =>
  new InputUnreadable({
    message: `${path === "-" ? "Standard input" : path} cannot be read: ${
      cause instanceof Error ? cause.message : String(cause)
    }`
  })

const byteOrderMark = Buffer.from("\uFEFF")

const withoutByteOrderMark = (line: Buffer): Buffer =>
  line.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? line.subarray(byteOrderMark.length) : line

/** What JSON takes for white space, where a line can have it. */
const whiteSpace = new Set(Buffer.from(" \t\r"))

const isEmpty = (line: Buffer): boolean => line.every((byte) => whiteSpace.has(byte))

const gzipMagic = Buffer.from([0x1f, 0x8b])

/** Unpacks what starts like gzip, whatever the file is called. */
export const unpacked = async (source: AsyncIterable<Buffer>): Promise<Readable> => {
  const chunks = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  // A pipe may bring a byte at a time.
  while (head.length < gzipMagic.length) {
    const next = await chunks.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  const rest = new PassThrough()
  const body = head.subarray(0, gzipMagic.length).equals(gzipMagic) ? rest.pipe(createGunzip()) : rest
  const pump = async () => {
    rest.write(head)
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      if (!rest.write(next.value)) await new Promise((resolve) => rest.once("drain", resolve))
    }
    rest.end()
  }
  pump().catch((error: Error) => body.destroy(error))
  return body
}

async function* pages(path: string, size: number): AsyncGenerator<ReadonlyArray<InputLine>> {
  const source = path === "-" ? process.stdin : createReadStream(path)
  let page: Array<InputLine> = []
  let number = 0
  for await (const lines of byteLines(await unpacked(source))) {
    for (const line of lines) {
      number += 1
      const bytes = number === 1 ? withoutByteOrderMark(line) : line
      if (isEmpty(bytes)) continue
      page.push({ number, bytes })
      if (page.length === size) {
        yield page
        page = []
      }
    }
  }
  if (page.length > 0) yield page
}

/** Pages of up to `size` lines; empty lines are passed over. */
export const inputLines = (path: string, size: number): Stream.Stream<ReadonlyArray<InputLine>, InputUnreadable> =>
  Stream.fromAsyncIterable(pages(path, size), (cause) => unreadable(path, cause))

/** What can be read once only: standard input, a named pipe, a shell's `<(…)`. */
const isPassing = (path: string): Effect.Effect<boolean, InputUnreadable> =>
  Effect.try({
    try: () => {
      if (path === "-") return true
      const stats = statSync(path)
      return stats.isFIFO() || stats.isSocket() || stats.isCharacterDevice()
    },
    catch: (cause) => unreadable(path, cause)
  })

/** How many lines with text there are, for a progress bar; `undefined` where counting would be taking them. */
export const countLines = (path: string): Effect.Effect<number | undefined, InputUnreadable> =>
  Effect.flatMap(isPassing(path), (passing) =>
    passing
      ? Effect.undefined
      : inputLines(path, 10_000).pipe(
          Stream.runFold(
            () => 0,
            (sum, page) => sum + page.length
          )
        )
  )
