import { assert, describe, it, layer } from "@effect/vitest"
import { partitionOf } from "@metka/core/KafkaPartitioner"
import { Effect } from "effect"
import { databaseLayer } from "../src/database.ts"
import { permutationCount, permutationPlan, permuted, presentState } from "../src/permutations.ts"
import { makeRunner } from "../src/runPlan.ts"

describe("The permutations of an order's messages", () => {
  it("are all there are, each once", () => {
    const items = [1, 2, 3, 4, 5, 6]
    const all = Array.from({ length: permutationCount }, (_, index) => permuted(items, index).join())
    assert.strictEqual(new Set(all).size, permutationCount)
  })

  it("go through two partitions", () => {
    assert.notStrictEqual(partitionOf(Buffer.from("guest-0"), 2), partitionOf(Buffer.from("guest-1"), 2))
  })
})

layer(databaseLayer, { excludeTestServices: true, timeout: "120 seconds" })("However its messages arrive", (it) => {
  it.effect(
    "an order ends in the same state (every 31st permutation; all of them: npm run simulate -- --permutations)",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const runPlan = yield* makeRunner
          const first = yield* runPlan(permutationPlan(0))
          assert.deepStrictEqual(first.problems, [])
          const expected = presentState(first.state ?? assert.fail("no state"))
          assert.strictEqual(expected.userTags.length, 1)
          for (let index = 31; index < permutationCount; index += 31) {
            const { problems, state } = yield* runPlan(permutationPlan(index))
            assert.deepStrictEqual(problems, [])
            assert.deepStrictEqual(presentState(state ?? assert.fail("no state")), expected)
          }
        })
      ),
    180_000
  )
})
