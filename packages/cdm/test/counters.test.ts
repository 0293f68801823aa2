import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { bothChanges, type Contribution, contribution, type CounterChange, counterChanges } from "../src/counters.ts"

describe("contribution", () => {
  it("two dishes of one category in one order count once", () => {
    const { categoryIds, productIds } = contribution({
      orderId: "1",
      version: "v",
      userId: "u",
      orderDate: null,
      productIds: ["p1", "p2"],
      categoryIds: ["c", "C"]
    })
    assert.deepStrictEqual([productIds, categoryIds], [["p1", "p2"], ["c"]])
  })
})

const anyContribution: fc.Arbitrary<Contribution> = fc.record({
  orderId: fc.constantFrom("1", "2", "3"),
  version: fc.constant("v"),
  userId: fc.constantFrom("a", "b", null),
  orderDate: fc.constant(null),
  productIds: fc.uniqueArray(fc.constantFrom("p", "q", "r")),
  categoryIds: fc.constant([])
})

const sums = (contributions: ReadonlyArray<Contribution>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { productIds, userId } of contributions) {
    for (const id of userId === null ? [] : productIds)
      counts.set(`${userId}${id}`, (counts.get(`${userId}${id}`) ?? 0) + 1)
  }
  return counts
}

describe("counter changes", () => {
  it("old counters plus the changes are the counters of the new ledger; no change is 0", () => {
    fc.assert(
      fc.property(fc.array(anyContribution), fc.array(anyContribution), (replaced, replacing) => {
        const counts = sums(replaced)
        const changes = counterChanges(replaced, replacing, ({ productIds }) => productIds)
        for (const { change, id, userId } of changes) {
          assert.notStrictEqual(change, 0)
          counts.set(`${userId}${id}`, (counts.get(`${userId}${id}`) ?? 0) + change)
        }
        assert.deepStrictEqual(
          new Map([...counts].filter(([, count]) => count !== 0).sort()),
          new Map([...sums(replacing)].sort())
        )
      })
    )
  })

  it("of orders that turn out to be known are taken back as if they had never been counted", () => {
    const changesOf = (replaced: ReadonlyArray<Contribution>, replacing: ReadonlyArray<Contribution>) =>
      counterChanges(replaced, replacing, ({ productIds }) => productIds)
    const sorted = (changes: ReadonlyArray<CounterChange>) =>
      changes.map(({ change, id, userId }) => `${userId} ${id} ${change}`).sort()
    fc.assert(
      fc.property(fc.array(anyContribution), fc.array(anyContribution), (counted, known) => {
        assert.deepStrictEqual(
          sorted(bothChanges(changesOf([], counted), changesOf(known, []))),
          sorted(changesOf(known, counted))
        )
      })
    )
  })
})
