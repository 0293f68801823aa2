import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { type CategoryCount, decideTags, diffRules, type HeldTag, missingCounts, type TagRule } from "../src/rules.ts"

const rule = (tag: string, categoryId: string, threshold: number, version = 1): TagRule => ({
  tag,
  categoryId,
  categoryName: categoryId,
  threshold,
  version
})
const held = (tag: string, orderCount: number, ruleVersion = 1): HeldTag => ({
  userId: "u",
  tag,
  categoryId: "c",
  orderCount,
  ruleVersion
})
const counts = (counts: ReadonlyArray<CategoryCount>) => ({ counts, orders: new Map() })
const count = (orderCount: number) => counts([{ userId: "u", categoryId: "c", orderCount }])

describe("tags", () => {
  it("are given strictly above the threshold, not at it", () => {
    assert.deepStrictEqual(decideTags([rule("t", "c", 5)], count(5), []).given, [])
    assert.strictEqual(decideTags([rule("t", "c", 5)], count(6), []).given.length, 1)
  })

  it("are taken when the counter falls back to the threshold", () => {
    assert.strictEqual(decideTags([rule("t", "c", 5)], count(5), [held("t", 6)]).taken.length, 1)
  })

  it("follow the counter while they stay, and stay silent when nothing changed", () => {
    assert.deepStrictEqual(
      decideTags([rule("t", "c", 5)], count(7), [held("t", 6)]).updated.map((tag) => tag.orderCount),
      [7]
    )
    assert.deepStrictEqual(decideTags([rule("t", "c", 5)], count(6), [held("t", 6)]), {
      given: [],
      updated: [],
      taken: []
    })
  })

  it("are taken when their rule is no more", () => {
    assert.strictEqual(decideTags([], counts([]), [held("t", 6)]).taken.length, 1)
  })

  it("are taken once each from a guest who has several and no counter of the category their rules moved to", () => {
    const rules = [rule("first", "empty", 0, 2), rule("second", "empty", 1, 2)]
    const tags = [held("first", 6), held("second", 6)]
    const { taken } = decideTags(rules, counts(missingCounts(rules, [], tags)), tags)
    assert.deepStrictEqual(
      taken.map(({ tag }) => tag),
      ["first", "second"]
    )
  })

  it("end the same whatever way the counter took", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10), { minLength: 1 }), fc.nat(10), (counts, threshold) => {
        const rules = [rule("t", "c", threshold)]
        let tags: ReadonlyArray<HeldTag> = []
        for (const orderCount of counts) {
          const changes = decideTags(rules, count(orderCount), tags)
          tags = [
            ...changes.given,
            ...changes.updated,
            ...tags.filter(() => changes.taken.length + changes.updated.length === 0)
          ]
        }
        const last = counts.at(-1) ?? 0
        assert.deepStrictEqual(
          tags.map((tag) => tag.orderCount),
          last > threshold ? [last] : []
        )
      })
    )
  })
})

describe("rules of a file", () => {
  it("that are new are added, that differ are changed, that are gone are retired, that are the same are kept", () => {
    const changes = diffRules(
      [rule("bound", "c", 1), rule("kept", "c", 1), rule("changed", "c", 1), rule("retired", "c", 1)],
      [
        { tag: "bound", category: "c", threshold: 1 },
        { tag: "kept", category: "c", threshold: 1 },
        { tag: "changed", category: "c", threshold: 2 },
        { tag: "added", category: "c", threshold: 1 }
      ],
      ["bound", "changed", "retired"]
    )
    assert.deepStrictEqual(
      changes.map((change) => change._tag),
      ["Added", "Bound", "Changed", "Kept", "Retired"]
    )
  })
})
