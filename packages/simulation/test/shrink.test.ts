import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makePlan } from "../src/makePlan.ts"
import type { Plan } from "../src/Plan.ts"
import { shrink } from "../src/shrink.ts"

/** A plan with events and faults enough. */
const large: Plan =
  Array.from({ length: 50 }, (_, seed) => makePlan(seed)).find(
    ({ events, faults }) => events.length >= 10 && faults.length >= 4
  ) ?? assert.fail("no plan is large enough")

describe("A failing plan", () => {
  it.effect("shrinks to the events and faults that it takes, and keeps their order", () =>
    Effect.gen(function* () {
      const [events, fault] = [[large.events[1], large.events[7]], large.faults[2]]
      const takesAll = ({ events: left, faults }: Plan) =>
        events.every((event) => event !== undefined && left.includes(event)) &&
        fault !== undefined &&
        faults.includes(fault)
      const smallest = yield* shrink(large, (plan) => Effect.sync(() => takesAll(plan)))
      assert.deepStrictEqual([smallest.events, smallest.faults], [events, [fault]])
      assert.strictEqual(smallest.seed, large.seed)
    })
  )

  it.effect("that fails whatever is left out shrinks to one item", () =>
    Effect.gen(function* () {
      const smallest = yield* shrink(large, () => Effect.succeed(true))
      assert.strictEqual(smallest.events.length + smallest.faults.length, 1)
    })
  )
})

describe("A plan", () => {
  it("is the same for the same seed, and another for another", () => {
    assert.deepStrictEqual(makePlan(7), makePlan(7))
    assert.notDeepEqual(makePlan(7).events, makePlan(8).events)
  })
})
