import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { guestWindow, isCounted } from "../src/GuestWindow.ts"

const soups = { categoryId: "soups", threshold: 2 }
const hour = 3_600_000

const history = fc
  .array(fc.record({ at: fc.nat(200).map((hours) => hours * hour), isSoup: fc.boolean() }))
  .map((orders) =>
    orders
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, isSoup }) => ({ at, categoryIds: [isSoup ? soups.categoryId : "sweets"] }))
  )

describe("The window of a guest", () => {
  it("has the orders that are told as counted, and no others", () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 9 }), (orders, days) => {
        const window = guestWindow(soups, { days, exitThreshold: 1 }, orders)
        const told = orders
          .filter(({ categoryIds }) => categoryIds.includes(soups.categoryId))
          .filter(({ at }) => isCounted(window, new Date(at)))
        assert.strictEqual(told.length, window.orderCount)
      })
    )
  })
})
