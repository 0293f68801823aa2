/** Text for a terminal. */
import { number } from "@metka/console/words"

/** What comes from messages must not drive a terminal: its control characters are written as JSON escapes them. */
export const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** What a list of the first ones ends with; nothing where they are all. */
export const moreLines = (listed: number, total: number): ReadonlyArray<string> =>
  total > listed ? [`… and ${number(total - listed)} more: --limit ${total} lists them.`] : []

export const timeText = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`

/** The rows, of which the first may be a heading, in columns that are as wide as their widest cell. */
export const tableLines = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths: Array<number> = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd()
  )
}
