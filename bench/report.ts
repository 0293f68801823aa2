/** The figures of a run as JSON keeps them, and as a page of text. */
import { type Figure, isMet, type SectionName } from "./figures.ts"
import type { Machine } from "./machine.ts"

export interface SectionReport {
  readonly section: SectionName
  readonly title: string
  readonly figures: ReadonlyArray<Figure>
  readonly notes: ReadonlyArray<string>
}

export interface Report {
  readonly measuredAt: string
  readonly machine: Machine
  readonly orders: number
  readonly messages: number
  readonly rounds: number
  readonly sections: ReadonlyArray<SectionReport>
}

export const rounded = (value: number): string => {
  const size = Math.abs(value)
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2)
}

type Cells = readonly [figure: string, value: string, range: string, target: string, toTarget: string, toLoad: string]

const head: Cells = ["", "value", "min – max", "target", "÷ target", "× load"]

const cells = ({ figure, max, min, target, toLoad, unit, value }: Figure): Cells => [
  figure,
  `${rounded(value)} ${unit.padEnd(5)}`,
  min === max ? "" : `${rounded(min)} – ${rounded(max)}`,
  target === undefined ? "" : `${target.bound === "at most" ? "≤" : "≥"} ${rounded(target.value)}`,
  target === undefined ? "" : `${(value / target.value).toFixed(2)} ${isMet(target, value) ? "met   " : "MISSED"}`,
  toLoad === undefined ? "" : toLoad.toFixed(2)
]

const table = (figures: ReadonlyArray<Figure>): ReadonlyArray<string> => {
  const rows = [head, ...figures.map(cells)]
  const used = head.map((_, column) => rows.slice(1).some((row) => row[column] !== ""))
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .filter((_, column) => used[column])
      .join("  ")
      .trimEnd()
  )
}

export const reportText = ({ machine, measuredAt, messages, orders, rounds, sections }: Report): string =>
  [
    `${orders} orders, ${messages} messages, ${rounds === 1 ? "1 round" : `${rounds} rounds, medians`}, ${measuredAt}`,
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}, ` +
      `PostgreSQL ${machine.postgres}, load before ${machine.loadBefore.toFixed(2)}`,
    ...sections.flatMap(({ figures, notes, title }) => [
      "",
      title,
      ...table(figures),
      ...notes.map((note) => `  ${note}`)
    ])
  ].join("\n")
