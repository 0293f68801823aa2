import { assert, describe, it } from "@effect/vitest"
import { SkippedOffsets } from "../src/SkippedOffsets.ts"

describe("Offsets that are never delivered", () => {
  it("are committed with the last record before them, and no other", () => {
    const skipped = new SkippedOffsets()
    skipped.fetched(0, 8, 10)
    assert.strictEqual(skipped.past(0, 5), 5)
    assert.strictEqual(skipped.past(0, 8), 10)
    assert.strictEqual(skipped.past(1, 8), 8)
  })

  it("that come by themselves are committed when everything before them is, and not before", () => {
    const skipped = new SkippedOffsets()
    skipped.fetched(0, 8, 8)
    skipped.fetched(0, undefined, 10)
    assert.isUndefined(skipped.due(0, true))
    skipped.committed(0, 5)
    assert.isUndefined(skipped.due(0, true))
    assert.strictEqual(skipped.past(0, 8), 10)
    skipped.committed(0, 10)
    assert.isUndefined(skipped.due(0, true))
    skipped.fetched(0, undefined, 12)
    assert.strictEqual(skipped.due(0, true), 12)
  })

  it("that come while the commit of the last record is under way are due after it", () => {
    const skipped = new SkippedOffsets()
    skipped.fetched(0, 8, 8)
    assert.strictEqual(skipped.past(0, 8), 8)
    skipped.fetched(0, undefined, 10)
    skipped.committed(0, 8)
    assert.strictEqual(skipped.due(0, true), 10)
  })

  it("are due at once where no record ever came, and not where one of an older generation may still be at work", () => {
    const skipped = new SkippedOffsets()
    skipped.fetched(0, undefined, 3)
    assert.strictEqual(skipped.due(0, false), 3)
    assert.isUndefined(skipped.due(0, true))
  })

  it("of a topic that was made anew wait for its records, whatever was committed before", () => {
    const skipped = new SkippedOffsets()
    skipped.fetched(0, 100, 100)
    skipped.committed(0, 100)
    skipped.fetched(0, 6, 6)
    skipped.fetched(0, undefined, 150)
    assert.isUndefined(skipped.due(0, true))
  })

  it("are forgotten with a generation", () => {
    const skipped = new SkippedOffsets()
    skipped.fetched(0, 8, 10)
    skipped.clear()
    assert.strictEqual(skipped.past(0, 8), 8)
    assert.isUndefined(skipped.due(0, true))
  })
})
