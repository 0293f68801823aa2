import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { decodeReferenceDocument } from "../src/messages/Reference.ts"
import * as MemoryReferenceData from "../src/MemoryReferenceData.ts"
import { find, load, menuItem, referenceDataContract, restaurant, user } from "./referenceDataContract.ts"

referenceDataContract("MemoryReferenceData.layer", MemoryReferenceData.layer)

describe("MemoryReferenceData.layer", () => {
  it.effect("starts empty each time it is built", () =>
    Effect.gen(function* () {
      yield* load(user("626a81ce9a8cd1920641e29c")).pipe(Effect.provide(MemoryReferenceData.layer))
      const { guests } = yield* find(["626a81ce9a8cd1920641e29c"], []).pipe(Effect.provide(MemoryReferenceData.layer))
      assert.strictEqual(guests.size, 0)
    })
  )
})

describe("A document to be loaded", () => {
  const check = (document: unknown) => decodeReferenceDocument(JSON.stringify(document))

  it("is known by its id, user or restaurant", () => {
    assert.deepStrictEqual(check(user("u")), Result.succeed("u"))
    assert.deepStrictEqual(check(restaurant("r")), Result.succeed("r"))
  })

  it("is refused for a dish that no order could use, unlike one that is in Redis already", () => {
    const refused = check(restaurant("r", { menu: [menuItem("rice"), menuItem("soup", { category: "" })] }))
    assert.match(Result.getOrThrow(Result.flip(refused)), /menu\[1\].+category/)
  })

  it("is refused with one line that says why", () => {
    for (const [text, why] of [
      ["{", /JSON/],
      ["[]", /object/],
      [JSON.stringify(user("")), /_id/],
      [JSON.stringify(user("u", { name: "x\u0000" })), /U\+0000/]
    ] as const) {
      const refusal = Result.getOrThrow(Result.flip(decodeReferenceDocument(text)))
      assert.match(refusal, why)
      assert.notInclude(refusal, "\n")
      assert.notInclude(refusal, "\u0000")
    }
  })
})
