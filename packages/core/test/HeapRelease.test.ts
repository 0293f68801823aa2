import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { releaseHeapAfter } from "../src/HeapRelease.ts"

describe("memory is given back", () => {
  const before = globalThis.gc
  let collections = 0
  beforeEach(() => {
    vi.useFakeTimers()
    collections = 0
    globalThis.gc = Object.assign(() => Promise.resolve(void (collections += 1)), before)
  })
  afterEach(() => {
    vi.useRealTimers()
    globalThis.gc = before
  })

  const batch = (records: number) => Effect.runSync(releaseHeapAfter(records))

  it("once a backlog is over for all stages of the process, and not for single orders", () => {
    batch(1)
    vi.advanceTimersByTime(60_000)
    assert.strictEqual(collections, 0, "after a single order")
    for (let index = 0; index < 5; index++) {
      batch(1_000)
      vi.advanceTimersByTime(1_900)
    }
    assert.strictEqual(collections, 0, "in the middle of a backlog")
    batch(1)
    vi.advanceTimersByTime(100)
    assert.strictEqual(collections, 1, "single orders do not put it off")
    vi.advanceTimersByTime(3_600_000)
    assert.strictEqual(collections, 1, "once")
  })

  it("at most once a minute", () => {
    for (let index = 0; index < 40; index++) {
      batch(1_000)
      vi.advanceTimersByTime(3_000)
    }
    assert.isAtMost(collections, 3)
    vi.advanceTimersByTime(60_000)
    assert.isAtLeast(collections, 1)
  })
})
