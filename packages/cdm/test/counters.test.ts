import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { type Contribution, contribution, counterChanges } from "../src/counters.ts"

const stat = (user: string, product: string, category: string) => ({
  user_id: user,
  product_id: product,
  product_name: "",
  category_id: category,
  category_name: "",
  order_cnt: 1
})

describe("contribution", () => {
  it("two dishes of one category in one order count once", () => {
    const { categoryIds, productIds } = contribution("1", "v", null, [stat("u", "p1", "c"), stat("u", "p2", "c")])
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

  it("come sorted by guest and id, so that concurrent batches lock counters in one order", () => {
    fc.assert(
      fc.property(fc.array(anyContribution), (replacing) => {
        const keys = counterChanges([], replacing, ({ productIds }) => productIds).map(({ id, userId }) => userId + id)
        assert.deepStrictEqual(keys, [...keys].sort())
      })
    )
  })
})
