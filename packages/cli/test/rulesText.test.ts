import { assert, it } from "@effect/vitest"
import type { Window } from "@metka/cdm/windows"
import { changeText, unknownCategoriesText } from "../src/RulesText.ts"

it("what becomes of a rule is told with the guests who get and lose its tag", () => {
  const request = { tag: "t", category: "Супы", threshold: 1 }
  const added = changeText({ _tag: "Added", request }, { given: 1_200, taken: 0 })
  assert.strictEqual(added, "+ «t»: more than 1 order with «Супы»; 1,200 guests get it")
  const before = { tag: "t", categoryId: "", categoryName: "Пицца", threshold: 4, version: 1 }
  assert.strictEqual(
    changeText({ _tag: "Changed", request, before }, { given: 2, taken: 1 }),
    "~ «t»: more than 1 order with «Супы» (was: more than 4 orders with «Пицца»); 2 guests get it; 1 guest loses it"
  )
  assert.strictEqual(changeText({ _tag: "Kept", rule: before }, undefined), "= «t»: more than 4 orders with «Пицца»")
})

it("a rule with a window is told with it, and with the exit threshold where that is another", () => {
  const request = { tag: "t", category: "Супы", threshold: 4, window: { days: 30, exitThreshold: 4 } }
  const text = (window: Window | undefined) =>
    changeText({ _tag: "Added", request: { ...request, window } }, { given: 0, taken: 0 })
  assert.strictEqual(text({ days: 30, exitThreshold: 4 }), "+ «t»: more than 4 orders with «Супы» within 30 days")
  assert.strictEqual(
    text({ days: 1, exitThreshold: 1 }),
    "+ «t»: more than 4 orders with «Супы» within 1 day, until 1 or fewer are left"
  )
})

it("on the first day one line warns of all categories, and of a slip of the pen one by itself", () => {
  const unknown = (category: string, similar?: string) => ({ category, similar })
  assert.deepStrictEqual(unknownCategoriesText([]), [])
  assert.deepStrictEqual(unknownCategoriesText([unknown("Супы")]), [
    "Warning: no guest has ordered from the category «Супы» yet. Spelled as in the menus?"
  ])
  assert.deepStrictEqual(unknownCategoriesText([unknown("Супы"), unknown("пицца", "Пицца"), unknown("Роллы")]), [
    "Warning: no guest has ordered from the category «пицца» yet; is it «Пицца», as in the menus?",
    "Warning: no guest has ordered from the categories «Супы», «Роллы» yet. Spelled as in the menus?"
  ])
})

it("what a rules file says does not drive the terminal", () => {
  const request = { tag: "\u001b[2J", category: "Супы\n", threshold: 1 }
  const lines = [
    changeText({ _tag: "Added", request }, undefined),
    ...unknownCategoriesText([{ category: request.category, similar: undefined }])
  ]
  assert.notMatch(lines.join(""), /\p{Cc}/u)
  assert.include(lines[0] ?? "", "\\u001b[2J")
})
