import { assert, describe, it } from "@effect/vitest"
import type { SourcePayload } from "@metka/core/messages/SourceOrder"
import type { References } from "@metka/core/ReferenceData"
import fc from "fast-check"
import { enrich, resolve } from "../src/enrich.ts"

const references: References = {
  guests: new Map([["u1", { id: "u1", name: "Котова Ольга", login: "kotova", version: "2023-01-01 00:00:00" }]]),
  restaurants: new Map([
    [
      "r1",
      {
        id: "r1",
        name: "Кофейня №1",
        version: "2023-01-02 00:00:00",
        menu: new Map([
          ["d1", { name: "Ролл", category: "Выпечка" }],
          ["d2", { name: "Суп", category: "Супы" }]
        ])
      }
    ]
  ])
}

const payload = (
  items: ReadonlyArray<{ id: string; price: number; quantity: number }>,
  user = "u1",
  restaurant = "r1"
): SourcePayload => ({
  restaurant: { id: restaurant },
  date: "2023-04-01 20:45:43",
  user: { id: user },
  order_items: items,
  cost: 1,
  payment: 1,
  final_status: "CLOSED",
  update_ts: "2023-04-01 20:45:43"
})

const itemsOf = (...ids: ReadonlyArray<string>) =>
  ids.map((id, index) => ({ id, price: 10 * (index + 1), quantity: 1 }))

describe("enrich", () => {
  it("takes the price from the order, the name and the category from the menu, and keeps a dish that stands twice", () => {
    const order = payload(itemsOf("d2", "d1", "d2"))
    const resolution = resolve(order, references)
    assert.strictEqual(resolution._tag, "Enriched")
    if (resolution._tag !== "Enriched") return
    assert.deepStrictEqual(enrich(7, order, resolution.enrichment).payload.products, [
      { id: "d2", price: 10, quantity: 1, name: "Суп", category: "Супы" },
      { id: "d1", price: 20, quantity: 1, name: "Ролл", category: "Выпечка" },
      { id: "d2", price: 30, quantity: 1, name: "Суп", category: "Супы" }
    ])
  })

  it("names every dish that the menu lacks, once and sorted", () => {
    assert.deepStrictEqual(resolve(payload(itemsOf("zz", "d1", "aa", "zz")), references), {
      _tag: "Unknown",
      missing: { guests: [], restaurants: [], dishes: ["aa", "zz"] }
    })
  })

  it("names an unknown guest and an unknown restaurant; the dishes of an unknown restaurant cannot be told", () => {
    assert.deepStrictEqual(resolve(payload(itemsOf("d1"), "nobody", "nowhere"), references), {
      _tag: "Unknown",
      missing: { guests: ["nobody"], restaurants: ["nowhere"], dishes: [] }
    })
  })

  it("an order without dishes needs only its guest and restaurant", () => {
    assert.strictEqual(resolve(payload([]), references)._tag, "Enriched")
  })

  it("an enriched order depends on nothing but its payload and its enrichment: stored as JSON, it gives the same bytes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: fc.constantFrom("d1", "d2"), price: fc.nat(), quantity: fc.nat() })),
        (items) => {
          const order = payload(items)
          const resolution = resolve(order, references)
          if (resolution._tag !== "Enriched") throw new Error("expected to be enriched")
          const stored = JSON.parse(JSON.stringify(resolution.enrichment))
          assert.strictEqual(
            JSON.stringify(enrich(1, order, stored)),
            JSON.stringify(enrich(1, order, resolution.enrichment))
          )
        }
      )
    )
  })
})
