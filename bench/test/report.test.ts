import { describe, expect, it } from "vitest"
import { bars, chart } from "../chart.ts"
import { atLeast, atMost, figureOf } from "../figures.ts"
import { type Report, reportText } from "../report.ts"

const report: Report = {
  measuredAt: "2026-11-24T12:00:00.000Z",
  machine: {
    cores: 2,
    cpu: "Some <CPU>",
    memoryGib: 8,
    system: "linux x64",
    node: "v26.10.0",
    postgres: "15.1",
    loadBefore: 0.12
  },
  orders: 50_000,
  messages: 50_991,
  rounds: 3,
  sections: [
    {
      section: "history",
      title: "History",
      figures: [
        figureOf("history.ratio", "services ÷ load", "×", [1.1, 1.3, 1.25], atMost(1.2, "ratio")),
        { ...figureOf("history.ordersPerSecond", "orders", "1/s", [6_000]), toLoad: 0.75 },
        figureOf("history.load.ordersPerSecond", "orders, load", "1/s", [8_000])
      ],
      notes: ["All the same."]
    },
    {
      section: "marts",
      title: "Marts",
      figures: [figureOf("marts.ordersPerSecond", "orders", "1/s", [16_000], atLeast(15_000))],
      notes: []
    }
  ]
}

describe("the report", () => {
  const lines = reportText(report).split("\n")
  const lineOf = (text: string) => lines.find((line) => line.startsWith(text)) ?? ""

  it("shows a figure's median, range, target and how far it is from it", () => {
    expect(lineOf("services ÷ load")).toMatch(/ 1\.25 × +1\.10 – 1\.30 +≤ 1\.20 +1\.04 MISSED$/)
    expect(lineOf("orders  ")).toMatch(/ 6000 1\/s +0\.75$/)
  })

  it("says when a target is met", () => {
    expect(lines.some((line) => / 16000 1\/s +≥ 15000 +1\.07 met$/.test(line))).toBe(true)
  })

  it("says where it was measured, and leaves out columns that a section has nothing for", () => {
    expect(lines[0]).toBe("50000 orders, 50991 messages, 3 rounds, medians, 2026-11-24T12:00:00.000Z")
    expect(lines[1]).toContain("2 cores (Some <CPU>), 8 GiB")
    const heads = lines.filter((line) => /^ +value/.test(line))
    expect(heads).toHaveLength(2)
    expect(heads[0]).toContain("× load")
    expect(heads[1]).not.toContain("× load")
  })
})

describe("the chart", () => {
  it("has a bar for each figure that was measured, and says of the other that it was measured elsewhere", () => {
    expect(bars(report).map(({ label, note, to }) => [label, to, note])).toEqual([
      ["Metka, marts alone", 16_000, "ledger, counters, tags"],
      ["Metka, three services", 6_000, "raw, vault, marts, tags"],
      ["One load in SQL", 8_000, "the same tables, once"],
      ["Python, a message at a time", 163, "measured elsewhere"]
    ])
    expect(bars({ ...report, sections: [] })).toHaveLength(1)
  })

  it("draws bars in proportion, the longest as long as there is room", () => {
    const widths = [...chart(report).matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width))
    const [marts = 0, services = 0, load = 0, python = 0] = widths
    expect(marts).toBe(360)
    expect(services / marts).toBeCloseTo(6 / 16, 2)
    expect(load / marts).toBeCloseTo(8 / 16, 2)
    expect(python).toBeLessThan(5)
  })

  it("is an SVG with a text for who cannot see it, for light and for dark", () => {
    const svg = chart(report)
    expect(svg).toContain('role="img"')
    expect(svg).toContain("prefers-color-scheme: dark")
    expect(svg).toContain("8 to 163")
    expect(svg).toContain("50,000 orders, medians of 3 rounds, 2 cores, fsync on; 2026-11-24")
  })
})
