/** The figures of a run as a picture for the README: bars of orders a second. */
import type { Report } from "./report.ts"

interface Bar {
  readonly label: string
  readonly note: string
  readonly from: number
  readonly to: number
  readonly isOurs: boolean
}

/** Measured apart from this benchmark, on the same task: one message at a time, a statement a row. */
const python = { from: 8, to: 163 }

const width = 760
const left = 250
const right = 150
const barHeight = 26
const gap = 18
const top = 58

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
const number = (value: number): string => Math.round(value).toLocaleString("en-US")

/** The bars a report has figures for, and the one that is known from elsewhere. */
export const bars = (report: Report): ReadonlyArray<Bar> => {
  const figures = report.sections.flatMap(({ figures }) => figures)
  const bar = (id: string, label: string, note: string, isOurs: boolean): ReadonlyArray<Bar> =>
    figures.flatMap((figure) =>
      figure.id === id ? [{ label, note, from: figure.value, to: figure.value, isOurs }] : []
    )
  return [
    ...bar("marts.ordersPerSecond", "Metka, marts alone", "ledger, counters, tags", true),
    ...bar("history.ordersPerSecond", "Metka, three services", "raw, vault, marts, tags", true),
    ...bar("history.load.ordersPerSecond", "One load in SQL", "the same tables, once", false),
    { label: "Python, a message at a time", note: "measured elsewhere", ...python, isOurs: false }
  ]
}

/** Self-contained, readable on light and on dark. */
export const chart = (report: Report): string => {
  const drawn = bars(report)
  const most = Math.max(...drawn.map(({ to }) => to))
  const scale = (value: number): number => (value / most) * (width - left - right)
  const height = top + drawn.length * (barHeight + gap) + 34
  const rows = drawn.map(({ from, isOurs, label, note, to }, index) => {
    const y = top + index * (barHeight + gap)
    const value = from === to ? number(to) : `${number(from)} to ${number(to)}`
    return `<g>
    <text class="label" x="${left - 12}" y="${y + 12}">${escape(label)}</text>
    <text class="note" x="${left - 12}" y="${y + 25}">${escape(note)}</text>
    <rect class="${isOurs ? "ours" : "other"}" x="${left}" y="${y}" width="${Math.max(2, scale(to)).toFixed(1)}" height="${barHeight}" rx="3"/>
    <text class="value" x="${(left + Math.max(2, scale(to)) + 8).toFixed(1)}" y="${y + 18}">${value}</text>
  </g>`
  })
  const { machine, orders, rounds } = report
  const footer =
    `${number(orders)} orders, ${rounds === 1 ? "one round" : `medians of ${rounds} rounds`}, ${machine.cores} cores, ` +
    `fsync on; ${report.measuredAt.slice(0, 10)}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
  <title id="title">Orders a second: ${escape(drawn.map(({ label, to }) => `${label} ${number(to)}`).join(", "))}</title>
  <style>
    text { font: 14px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 16px }
    .label { text-anchor: end }
    .note, .footer { font-size: 11px; fill: #6e7781 }
    .note { text-anchor: end }
    .ours { fill: #2f7d4f }
    .other { fill: #8c959f }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .note, .footer { fill: #9198a1 }
      .ours { fill: #3fb96f }
    }
  </style>
  <text class="title" x="${left}" y="30">Orders a second, to exact marts and tags</text>
  ${rows.join("\n  ")}
  <text class="footer" x="${left}" y="${height - 12}">${escape(footer)}</text>
</svg>
`
}
