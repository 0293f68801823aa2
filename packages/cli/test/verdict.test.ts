import { assert, it } from "@effect/vitest"
import { verdictText } from "../src/Verdict.ts"

const verdict = (deadLetters: number) =>
  verdictText(
    { orders: { total: 9, inFlight: 0, parked: 0, deadLetters, withoutStg: 0 }, checks: [], differences: [], total: 0 },
    1
  )

it("a verdict with orders in the dead letters says how they come back, and one without says nothing of it", () => {
  assert.include(verdict(2), "`npx metka republish`")
  assert.notInclude(verdict(0), "republish")
})
