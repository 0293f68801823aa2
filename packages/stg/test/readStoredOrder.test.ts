import { assert, describe, it } from "@effect/vitest"
import { cafeOrder } from "@metka/testing/cafe"
import { Result } from "effect"
import type { Enrichment } from "../src/enrich.ts"
import { readStoredOrder } from "../src/readStoredOrder.ts"

const order = JSON.parse(cafeOrder("ann", 1, "2023-04-01 20:00", ["soup"]).value.toString())
const payload = order.payload
const enrichment: Enrichment = {
  guest: { name: "Anna", login: "anna", version: "1" },
  restaurant: { name: "Кафе", version: "1" },
  dishes: [["soup", "Суп", "Супы"]]
}

const read = (stored: object, enriched: object | null) =>
  readStoredOrder({
    payload: JSON.stringify(stored),
    enrichment: enriched === null ? null : JSON.stringify(enriched)
  })

describe("a stored order", () => {
  it("is read back with what it was enriched with, and without while it waits for that", () => {
    const waiting = Result.getOrThrow(read(payload, null))
    assert.strictEqual(waiting.payload.user.id, "ann")
    assert.isUndefined(waiting.enrichment)
    assert.deepEqual(Result.getOrThrow(read(payload, enrichment)).enrichment, enrichment)
  })

  it.each([
    [{}, null, 'payload: Missing key at ["restaurant"]'],
    [{ ...payload, cost: -1 }, null, 'payload: Expected a value greater than or equal to 0 at ["cost"]'],
    [payload, {}, 'enrichment: Missing key at ["guest"]'],
    [payload, { ...enrichment, guest: ["Anna"] }, 'enrichment: Expected object at ["guest"]'],
    [payload, { ...enrichment, dishes: [] }, "enrichment: it does not name the dish soup"]
  ])("that cannot be read says why, in one line and without what it says: %j %j", (stored, enriched, why) => {
    assert.deepStrictEqual(read(stored, enriched), Result.fail(why))
  })

  it("that is no JSON says so", () => {
    assert.isTrue(Result.isFailure(readStoredOrder({ payload: '{"a', enrichment: null })))
  })
})
