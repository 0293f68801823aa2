import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { decideTags, type HeldTag, type TagRule } from "../src/rules.ts"
import { type DatedOrder, foldWindow, type Window } from "../src/windows.ts"

const day = 86_400_000
const order = (at: number, ...categoryIds: ReadonlyArray<string>): DatedOrder => ({ at: at * day, categoryIds })
const soups = (threshold: number) => ({ categoryId: "soups", threshold })
const within = (days: number, exitThreshold: number): Window => ({ days, exitThreshold })

const anyOrders = fc
  .array(
    fc.record({
      at: fc.nat(20).map((at) => (at * day) / 2),
      categoryIds: fc.subarray(["soups", "rolls"], { minLength: 1 })
    }),
    { maxLength: 12 }
  )
  .map((orders) => orders.sort((a, b) => a.at - b.at))

const anyRule = fc
  .record({ threshold: fc.nat(4), days: fc.integer({ min: 1, max: 6 }), below: fc.nat(4) })
  .map(({ below, days, threshold }) => ({
    rule: soups(threshold),
    window: within(days, Math.max(0, threshold - below))
  }))

describe("a window of time", () => {
  it("counts the orders of its last days alone", () => {
    const orders = [order(1, "soups"), order(5, "soups"), order(7, "soups")]
    assert.deepStrictEqual(foldWindow(soups(1), within(3, 1), orders), { orderCount: 2, isMet: true })
    assert.deepStrictEqual(foldWindow(soups(2), within(3, 2), orders), { orderCount: 2, isMet: false })
  })

  it("does not hold the moment that is as long ago as the window is", () => {
    const orders = [order(1, "soups"), order(4, "soups")]
    assert.strictEqual(foldWindow(soups(0), within(3, 0), orders).orderCount, 1)
    assert.strictEqual(foldWindow(soups(0), within(4, 0), orders).orderCount, 2)
  })

  it("moves on with orders of other categories", () => {
    const orders = [order(1, "soups"), order(2, "soups"), order(9, "rolls")]
    assert.deepStrictEqual(foldWindow(soups(1), within(7, 1), orders), { orderCount: 0, isMet: false })
  })

  it("keeps a tag above the exit threshold, once given, and takes it there", () => {
    const orders = [order(1, "soups"), order(2, "soups"), order(3, "soups")]
    const later = (at: number) => foldWindow(soups(2), within(7, 1), [...orders, order(at, "rolls")])
    assert.deepStrictEqual(later(8), { orderCount: 2, isMet: true })
    assert.deepStrictEqual(later(9), { orderCount: 1, isMet: false })
  })

  it("does not give a tag between the thresholds, however the guest came there", () => {
    assert.isFalse(foldWindow(soups(2), within(7, 0), [order(1, "soups"), order(2, "soups")]).isMet)
    const back = [1, 2, 3, 20, 21].map((at) => order(at, "soups"))
    assert.deepStrictEqual(foldWindow(soups(2), within(7, 1), back), { orderCount: 2, isMet: false })
  })

  it("goes through May and June as README tells it", () => {
    const daysFromMay: ReadonlyArray<readonly [number, string]> = [
      [1, "rolls"],
      [5, "rolls"],
      [9, "rolls"],
      [20, "rolls"],
      [31 + 2, "soups"],
      [31 + 20, "soups"],
      [31 + 21, "rolls"],
      [31 + 22, "rolls"]
    ]
    const orders = daysFromMay.map(([at, category]) => order(at, category))
    const steps = orders.map((_, index) =>
      foldWindow({ categoryId: "rolls", threshold: 3 }, within(30, 1), orders.slice(0, index + 1))
    )
    assert.deepStrictEqual(
      steps.map(({ orderCount }) => orderCount),
      [1, 2, 3, 4, 3, 0, 1, 2]
    )
    assert.deepStrictEqual(
      steps.map(({ isMet }) => isMet),
      [false, false, false, true, true, false, false, false]
    )
  })

  it("is nothing for a guest without orders", () => {
    assert.deepStrictEqual(foldWindow(soups(0), within(7, 0), []), { orderCount: 0, isMet: false })
  })

  it("sees orders of one moment together, whichever comes first", () => {
    fc.assert(
      fc.property(anyOrders, anyRule, (orders, { rule, window }) => {
        const turned = orders.toReversed().sort((a, b) => a.at - b.at)
        assert.deepStrictEqual(foldWindow(rule, window, turned), foldWindow(rule, window, orders))
      })
    )
  })

  it("gives what counting anew at each order gives", () => {
    fc.assert(
      fc.property(anyOrders, anyRule, (orders, { rule, window }) => {
        const countAt = (now: number) =>
          orders.filter(
            ({ at, categoryIds }) => categoryIds.includes("soups") && at <= now && at > now - window.days * day
          ).length
        const counts = orders.map(({ at }) => countAt(at))
        const lastAbove = counts.findLastIndex((count) => count > rule.threshold)
        const lastBelow = counts.findLastIndex((count) => count <= window.exitThreshold)
        assert.deepStrictEqual(foldWindow(rule, window, orders), {
          orderCount: counts.at(-1) ?? 0,
          isMet: lastAbove > lastBelow
        })
      })
    )
  })

  it("never counts more than a rule without one does", () => {
    fc.assert(
      fc.property(anyOrders, anyRule, (orders, { rule, window }) => {
        const all = orders.filter(({ categoryIds }) => categoryIds.includes("soups")).length
        const { isMet, orderCount } = foldWindow(rule, window, orders)
        assert.isAtMost(orderCount, all)
        if (isMet) assert.isAbove(all, rule.threshold)
      })
    )
  })
})

describe("the tag of a rule with a window", () => {
  const rule: TagRule = {
    tag: "t",
    categoryId: "soups",
    categoryName: "soups",
    threshold: 1,
    window: within(7, 1),
    version: 1
  }
  const held: HeldTag = { userId: "u", tag: "t", categoryId: "soups", orderCount: 2, ruleVersion: 1 }
  const decide = (orders: ReadonlyArray<DatedOrder>, tags: ReadonlyArray<HeldTag>) =>
    decideTags([rule], { counts: [], orders: new Map([["u", orders]]) }, tags)

  it("goes by the window, not by the counter", () => {
    const counts = [{ userId: "u", categoryId: "soups", orderCount: 9 }]
    const orders = new Map([["u", [order(1, "soups"), order(20, "soups")]]])
    assert.deepStrictEqual(decideTags([rule], { counts, orders }, []), { given: [], updated: [], taken: [] })
  })

  it("is given, follows the window's count and is taken", () => {
    const two = [order(1, "soups"), order(2, "soups")]
    assert.deepStrictEqual(decide(two, []).given, [held])
    assert.deepStrictEqual(decide([...two, order(3, "soups")], [held]).updated, [{ ...held, orderCount: 3 }])
    assert.deepStrictEqual(decide([...two, order(9, "rolls")], [held]).taken, [{ ...held, orderCount: 0 }])
  })

  it("is taken from a guest who has no orders left", () => {
    assert.deepStrictEqual(decide([], [held]).taken, [{ ...held, orderCount: 0 }])
  })
})
