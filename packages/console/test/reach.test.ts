import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { memoryDatabase, sendStream, withMemorySystem } from "@metka/testing/memorySystem"
import { messyStream } from "@metka/testing/messyStream/messyStream"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { readAudiences } from "../src/Audiences.ts"
import { readReach, thresholdCount } from "../src/Reach.ts"

const stream = messyStream(2_029, 400, { never: 0 })

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("Reach", (it) => {
  it.effect("says of every category and threshold how many guests a rule then tags, and how many lack one order", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* sendStream({
          ...stream,
          initialReferences: new Map([...stream.initialReferences, ...stream.lateReferences])
        })
        yield* settled(0)
        const { categories: before } = yield* readReach
        assert.isAbove(before.length, 3)
        assert.isTrue(before.some(({ guests }) => (guests[2] ?? 0) > 0))
        yield* applyRules(
          before.flatMap(({ category }) =>
            Array.from({ length: thresholdCount }, (_, threshold) => ({
              tag: `${category} ${threshold}`,
              category,
              threshold
            }))
          )
        )
        const audiences = new Map((yield* readAudiences).map((audience) => [audience.tag, audience]))
        for (const { category, guests } of before) {
          for (const [threshold, expected] of guests.entries()) {
            const audience = audiences.get(`${category} ${threshold}`)
            assert.strictEqual(audience?.guests, expected, `${category} > ${threshold}`)
            if (threshold === 0) continue
            assert.strictEqual(
              audience?.nearGuests,
              (guests[threshold - 1] ?? 0) - expected,
              `${category} = ${threshold}`
            )
          }
        }
        const { categories: after } = yield* readReach
        assert.deepStrictEqual(
          after.map(({ category, guests }) => ({ category, guests })),
          before.map(({ category, guests }) => ({ category, guests }))
        )
        assert.isTrue(after.every(({ rules }) => rules.length === thresholdCount))
        const [{ category } = { category: "" }] = before
        const beyond = { tag: "beyond the table", category, threshold: thresholdCount, window: null }
        const unheard = { tag: "of no guest", category: "Стейки из мрамора", threshold: 0, window: null }
        const lately = { tag: "within days", category, threshold: 1, window: { days: 30, exitThreshold: 0 } }
        yield* applyRules(
          [beyond, unheard, lately].map(({ window, ...rule }) => ({ ...rule, window: window ?? undefined }))
        )
        const { categories, otherRules } = yield* readReach
        assert.deepStrictEqual(otherRules, [beyond, unheard, lately])
        assert.isTrue(categories.every(({ rules }) => rules.length === 0))
      })
    )
  )
})
