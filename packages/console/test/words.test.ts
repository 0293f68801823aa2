import { assert, it } from "@effect/vitest"
import { askedText, eventText } from "../src/words.ts"

const within30Days = (exitThreshold: number) => ({ threshold: 3, window: { days: 30, exitThreshold } })

it("a rule says within how many days it counts, and down to where its tag stays where that is not the threshold", () => {
  assert.strictEqual(askedText({ threshold: 3 }, "Супы"), "more than 3 orders with «Супы»")
  assert.strictEqual(askedText(within30Days(3), "Супы"), "more than 3 orders with «Супы» within 30 days")
  assert.strictEqual(
    askedText(within30Days(1), "Супы"),
    "more than 3 orders with «Супы» within 30 days, until 1 or fewer are left"
  )
  assert.strictEqual(
    askedText(within30Days(0), "Супы"),
    "more than 3 orders with «Супы» within 30 days, until none are left"
  )
})

it("a tag that is given between the thresholds is told with the orders that were left of more", () => {
  const given = (orderCount: number) =>
    eventText(
      {
        action: "given",
        at: new Date(0),
        categoryName: "Супы",
        orderCount,
        ruleVersion: 1,
        ...within30Days(1)
      },
      () => "today"
    )
  const rule = "(version 1: more than 3 orders with «Супы» within 30 days, until 1 or fewer are left)"
  assert.strictEqual(given(4), `given today with 4 orders ${rule}`)
  assert.strictEqual(given(2), `given today with 2 orders left ${rule}`)
})
