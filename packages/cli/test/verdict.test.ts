import { assert, it } from "@effect/vitest"
import { verdictText } from "../src/Verdict.ts"

const verdict = (deadLetters: number, openDeadLetters: number) =>
  verdictText(
    {
      orders: { total: 9, inFlight: 0, parked: 0, deadLetters, withoutStg: 0 },
      openDeadLetters,
      checks: [],
      differences: [],
      total: 0
    },
    1
  )

it("a verdict with orders in the dead letters says how they come back, and one without says nothing of it", () => {
  assert.include(verdict(2, 0), "`npx metka republish`")
  assert.notInclude(verdict(0, 0), "republish")
})

it("a verdict says how many messages are among the dead letters, if any are, and what tells why", () => {
  assert.include(verdict(0, 4), "4 messages are open among the dead letters: `npx metka dead-letters list` says why.")
  assert.include(verdict(0, 1), "1 message is open")
  assert.notInclude(verdict(2, 0), "open among the dead letters")
})
