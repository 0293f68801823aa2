import { describe, expect, it } from "vitest"
import { describeDifferences, missingIn } from "../comparison.ts"

describe("comparing two warehouses", () => {
  it("finds no difference in the same lines in another order", () => {
    expect(describeDifferences("t", ["a", "b", "b"], ["b", "a", "b"])).toEqual([])
  })

  it("a line that one side has twice counts twice", () => {
    expect(missingIn(["a"], ["a", "a"])).toEqual(["a"])
    expect(describeDifferences("t", ["a", "a"], ["a"])).toEqual(["t: found, not expected: a"])
  })

  it("says which side has what the other has not", () => {
    expect(describeDifferences("t", ["guest · soup · 5"], ["guest · soup · 4"])).toEqual([
      "t: found, not expected: guest · soup · 5",
      "t: expected, not found: guest · soup · 4"
    ])
  })

  it("shows the first few of many, and how many more there are", () => {
    const many = Array.from({ length: 12 }, (_, index) => `line ${index}`)
    const described = describeDifferences("t", many, [])
    expect(described).toHaveLength(6)
    expect(described.at(-1)).toBe("t: and 7 differences more")
  })
})
