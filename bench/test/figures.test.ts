import { describe, expect, it } from "vitest"
import { atLeast, atMost, figureOf, isMet, missed } from "../figures.ts"
import { peakBetween, rateBetween } from "../growth.ts"
import { median, percentile } from "../statistics.ts"

describe("statistics", () => {
  it("the median is the middle one, or halfway between the middle two", () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([])).toBeNaN()
  })

  it("a percentile is a value that was measured", () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index)
    expect(percentile(values, 50)).toBe(100)
    expect(percentile(values, 99)).toBe(198)
    expect(percentile(values, 100)).toBe(200)
    expect(percentile([3, 1, 2], 50)).toBe(2)
    expect(percentile([7], 99)).toBe(7)
    expect(percentile([], 50)).toBeNaN()
  })
})

describe("targets", () => {
  it("a value on the limit meets it, on either side", () => {
    expect(isMet(atMost(1.2), 1.2)).toBe(true)
    expect(isMet(atMost(1.2), 1.21)).toBe(false)
    expect(isMet(atLeast(0.8), 0.8)).toBe(true)
    expect(isMet(atLeast(0.8), 0.79)).toBe(false)
  })

  it("a value that could not be measured meets nothing", () => {
    expect(isMet(atMost(1), Number.NaN)).toBe(false)
    expect(isMet(atLeast(1), Number.NaN)).toBe(false)
  })

  it("ratios and absolute values are missed apart from each other", () => {
    const figures = [
      figureOf("a", "ratio", "×", [2, 3, 1], atMost(1.5, "ratio")),
      figureOf("b", "milliseconds", "ms", [20], atMost(15)),
      figureOf("c", "without a target", "s", [1])
    ]
    expect(missed(figures, "ratio").map(({ id }) => id)).toEqual(["a"])
    expect(missed(figures, "absolute").map(({ id }) => id)).toEqual(["b"])
    expect(figures[0]).toMatchObject({ value: 2, min: 1, max: 3 })
  })
})

describe("growth", () => {
  const samples = [
    { atSeconds: 0, done: 0, memory: 100 },
    { atSeconds: 10, done: 100, memory: 300 },
    { atSeconds: 20, done: 300, memory: 200 },
    { atSeconds: 30, done: 320, memory: 210 }
  ]

  it("a rate is over the time between two counts, those between samples included", () => {
    expect(rateBetween(samples, 0, 100)).toBe(10)
    expect(rateBetween(samples, 100, 200)).toBe(20)
    expect(rateBetween(samples, 200, 320)).toBe(8)
  })

  it("a count that was never reached has no rate", () => {
    expect(rateBetween(samples, 0, 321)).toBeNaN()
  })

  it("memory is that of the samples between two counts", () => {
    expect(peakBetween(samples, 300, 320)).toBe(210)
  })
})
