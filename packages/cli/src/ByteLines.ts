/**
 * A stream of bytes cut into lines. A line of JSON ends at `\n` or `\r\n` and nowhere else: U+2028, U+2029 and a lone
 * `\r` may stand in it as they are, and Node's readline would split there.
 */
import { constants } from "node:buffer"

const newline = 0x0a
const carriageReturn = 0x0d

const withoutCarriageReturn = (line: Buffer): Buffer => (line.at(-1) === carriageReturn ? line.subarray(0, -1) : line)

/**
 * The lines that end in each chunk, without what ends them; last of all the one that nothing ends. They are views of
 * the chunks wherever one chunk holds the whole of a line.
 * @param limit of bytes in a line: a longer one could not become a text, and a file without lines would fill the memory
 */
export async function* byteLines(
  chunks: AsyncIterable<Buffer>,
  limit = constants.MAX_STRING_LENGTH
): AsyncGenerator<ReadonlyArray<Buffer>> {
  /** Kept apart until the line ends: joined at every chunk, a long line would be copied over and over. */
  let begun: Array<Buffer> = []
  let begunBytes = 0
  const begin = (piece: Buffer) => {
    begun.push(piece)
    begunBytes += piece.length
    if (begunBytes > limit) throw new Error(`a line is longer than ${limit} bytes`)
  }
  const finish = (piece: Buffer): Buffer => {
    if (begun.length === 0) return withoutCarriageReturn(piece)
    begin(piece)
    const line = Buffer.concat(begun)
    begun = []
    begunBytes = 0
    return withoutCarriageReturn(line)
  }
  for await (const chunk of chunks) {
    const lines: Array<Buffer> = []
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      lines.push(finish(chunk.subarray(start, end)))
      start = end + 1
    }
    if (start < chunk.length) begin(chunk.subarray(start))
    yield lines
  }
  if (begun.length > 0) yield [finish(Buffer.alloc(0))]
}
