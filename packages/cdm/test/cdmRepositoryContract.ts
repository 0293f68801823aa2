/** What CDM's ledger, marts and names promise, on PGlite and on a real server alike. */
import { assert, layer as withLayer } from "@effect/vitest"
import { emptied } from "@metka/testing/databaseLayers"
import { writtenRows } from "@metka/testing/writtenRows"
import { Effect, type Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { applyRules } from "../src/ApplyRules.ts"
import {
  categoryCounters,
  categoryId,
  contradictions,
  counter,
  heldTags,
  history,
  productCounters,
  productId,
  sorted,
  type Stats,
  surroundings,
  takeIn
} from "./CdmHarness.ts"

const stats = (order: number, version: number, guest: string, ...dishes: ReadonlyArray<string>): Stats => ({
  order,
  version,
  guest,
  dishes
})

/** The counters that follow from the newest version of each order, whatever way they came. */
const expectedCounters = (all: ReadonlyArray<Stats>, part: 0 | 1) => {
  const newest = new Map<number, Stats>()
  for (const one of all) if ((newest.get(one.order)?.version ?? -1) < one.version) newest.set(one.order, one)
  const counts = new Map<string, number>()
  for (const { dishes, guest } of newest.values()) {
    for (const name of new Set(dishes.map((dish) => dish.split(":")[part] ?? ""))) {
      counts.set(`${guest}:${name}`, (counts.get(`${guest}:${name}`) ?? 0) + 1)
    }
  }
  const id = part === 0 ? productId : categoryId
  return sorted(
    [...counts].map(([key, count]) => {
      const [guest = "", name = ""] = key.split(":")
      return counter(guest, id(name), name, count)
    })
  )
}

/** Every (order, version) says one thing, as messages do; which dishes and whose they are changes with the version. */
const anyStats: fc.Arbitrary<Stats> = fc
  .record({ order: fc.integer({ min: 1, max: 6 }), version: fc.integer({ min: 1, max: 5 }) })
  .map(({ order, version }) => {
    const dishes = ["soup:soups", "borsch:soups", "roll:rolls", "cake:sweets"]
    const mask = (order * 7 + version * 11) % 16
    const chosen = (order + version) % 4 === 0 ? [] : dishes.filter((_, index) => (mask >> index) % 2 === 1)
    const day = (order + version * 2) % 7 === 0 ? null : 1 + ((order * 5 + version * 3) % 9)
    return { ...stats(order, version, version > 3 ? "other" : `guest ${order % 2}`, ...chosen), day }
  })

const allTables = [
  "cdm.order_contributions",
  "cdm.user_product_counters",
  "cdm.user_category_counters",
  "cdm.product_names",
  "cdm.category_names",
  "cdm.guests",
  "cdm.user_tags",
  "cdm.user_tag_history"
]

export const cdmRepositoryContract = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>): void =>
  withLayer(layer, { excludeTestServices: true, timeout: "2 minutes" })(name, (it) => {
    const test = (
      what: string,
      body: Effect.Effect<void, unknown, Layer.Success<ReturnType<typeof surroundings>> | SqlClient.SqlClient>
    ) => it.effect(what, () => emptied.pipe(Effect.andThen(body), Effect.provide(surroundings())), 60_000)

    test(
      "an order id that no payload may have is a dead letter, and its neighbour counts",
      Effect.gen(function* () {
        yield* takeIn([stats(2 ** 53, 1, "a", "soup:soups"), stats(2 ** 53 - 1, 1, "a", "soup:soups")])
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`select order_id from cdm.order_contributions`, [
          { order_id: String(2 ** 53 - 1) }
        ])
        assert.deepStrictEqual(yield* sql`select reason from ops.dead_letters`, [{ reason: "bad_header" }])
        yield* sql`delete from ops.dead_letters`
      })
    )

    test(
      "counters are the sum of the ledger, tags what the rules give, and history tells how, after any batches",
      Effect.gen(function* () {
        const context = yield* Effect.context<SqlClient.SqlClient>()
        const batches = fc.array(fc.array(anyStats, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 })
        const property = fc.asyncProperty(batches, (all) =>
          Effect.gen(function* () {
            yield* emptied
            yield* applyRules([
              { tag: "soup lover", category: "soups", threshold: 1 },
              { tag: "sweet", category: "sweets", threshold: 0 },
              { tag: "soups lately", category: "soups", threshold: 1, window: { days: 3, exitThreshold: 0 } },
              { tag: "rolls lately", category: "rolls", threshold: 0, window: { days: 2, exitThreshold: 0 } }
            ])
            yield* takeIn(...all)
            assert.deepStrictEqual(yield* contradictions, [])
            assert.deepStrictEqual(yield* productCounters, expectedCounters(all.flat(), 0))
            assert.deepStrictEqual(yield* categoryCounters, expectedCounters(all.flat(), 1))
            const told = new Map<string, string>()
            for (const { action, guest, tag } of yield* history) {
              assert.strictEqual(action, told.get(guest + tag) === "given" ? "taken" : "given")
              told.set(guest + tag, action)
            }
            assert.deepStrictEqual(
              [...told]
                .filter(([, action]) => action === "given")
                .map(([key]) => key)
                .sort(),
              (yield* heldTags).map(({ guest, tag }) => guest + tag).sort()
            )
          }).pipe(Effect.provide(surroundings()), Effect.runPromiseWith(context))
        )
        yield* Effect.promise(() => fc.assert(property, { numRuns: 20 }))
      })
    )

    test(
      "the same stats again change no row",
      Effect.gen(function* () {
        const all = [stats(1, 2, "a", "soup:soups"), stats(2, 2, "b", "roll:rolls"), stats(3, 1, "c")]
        yield* applyRules([{ tag: "soup lover", category: "soups", threshold: 0 }])
        yield* takeIn(all)
        const before = yield* writtenRows(...allTables)
        yield* takeIn(all, all.toReversed(), [...all, ...all])
        assert.deepStrictEqual(yield* writtenRows(...allTables), before)
      })
    )

    test(
      "an older version than the one held changes no row: it brings no counter, no guest, not even a newer name",
      Effect.gen(function* () {
        yield* takeIn([stats(1, 2, "a", "soup:soups"), stats(2, 2, "b")])
        const before = yield* writtenRows(...allTables)
        yield* takeIn([
          { ...stats(1, 1, "c", "soup:soups:Щи", "cake:sweets"), names: 9 },
          stats(2, 1, "b", "roll:rolls")
        ])
        assert.deepStrictEqual(yield* writtenRows(...allTables), before)
        const brought = ["cdm.guests", "cdm.product_names", "cdm.category_names"]
        const named = yield* writtenRows(...brought)
        const older = { ...stats(1, 1, "c", "soup:soups:Щи", "cake:sweets"), names: 9 }
        yield* takeIn([older, stats(1, 3, "a", "soup:soups")])
        assert.deepStrictEqual(yield* writtenRows(...brought), named, "nor beside a newer one in the same batch")
      })
    )

    test(
      "an order that is not CLOSED any more takes its counters back; a counter that falls to 0 has no row",
      Effect.gen(function* () {
        yield* takeIn(
          [stats(1, 1, "a", "soup:soups", "roll:rolls")],
          [stats(2, 1, "a", "soup:soups")],
          [stats(1, 2, "a")]
        )
        assert.deepStrictEqual(yield* productCounters, [counter("a", productId("soup"), "soup", 1)])
        assert.deepStrictEqual(yield* categoryCounters, [counter("a", categoryId("soups"), "soups", 1)])
        yield* takeIn([stats(2, 2, "a")])
        assert.deepStrictEqual([...(yield* productCounters), ...(yield* categoryCounters)], [])
        const sql = yield* SqlClient.SqlClient
        assert.strictEqual(
          (yield* sql`select 1 from cdm.order_contributions`).length,
          2,
          "[] has its row in the ledger"
        )
      })
    )

    test(
      "an order whose guest changed moves its counters to the new guest",
      Effect.gen(function* () {
        yield* takeIn([stats(1, 1, "a", "soup:soups")], [stats(1, 2, "b", "soup:soups")])
        assert.deepStrictEqual(yield* productCounters, [counter("b", productId("soup"), "soup", 1)])
      })
    )

    test(
      "two dishes of one category in one order count once",
      Effect.gen(function* () {
        yield* takeIn([stats(1, 1, "a", "soup:soups", "borsch:soups"), stats(2, 1, "a", "soup:soups")])
        assert.deepStrictEqual(yield* categoryCounters, [counter("a", categoryId("soups"), "soups", 2)])
      })
    )

    test(
      "a dish that moved to another category counts where it was when the order was enriched",
      Effect.gen(function* () {
        yield* takeIn([stats(1, 1, "a", "soup:soups")], [stats(2, 1, "a", "soup:starters")])
        assert.deepStrictEqual(yield* productCounters, [counter("a", productId("soup"), "soup", 2)])
        assert.strictEqual((yield* categoryCounters).length, 2)
        yield* takeIn([stats(1, 2, "a")])
        assert.deepStrictEqual(yield* categoryCounters, [counter("a", categoryId("starters"), "starters", 1)])
      })
    )

    test(
      "a new name reaches every guest, also after a counter fell to zero and rose again",
      Effect.gen(function* () {
        const soup = (order: number, version: number, guest: string, menuName: string, names: number): Stats => ({
          order,
          version,
          guest,
          dishes: [`soup:soups:${menuName}`],
          names
        })
        yield* takeIn([soup(1, 1, "a", "Щи", 1), soup(2, 1, "b", "Щи", 1)])
        yield* takeIn([stats(1, 2, "a")])
        yield* takeIn([soup(3, 1, "c", "Щи свежие", 2)])
        // The order that raises the counter again was enriched before the renaming.
        yield* takeIn([soup(1, 3, "a", "Щи", 1)])
        assert.deepStrictEqual(
          yield* productCounters,
          sorted(["a", "b", "c"].map((guest) => counter(guest, productId("soup"), "Щи свежие", 1)))
        )
      })
    )

    test(
      "an older name never comes back, and of equally new ones the same stays, whatever comes first",
      Effect.gen(function* () {
        const named = (order: number, menuName: string, names: number): Stats => ({
          order,
          version: 1,
          guest: "a",
          dishes: [`soup:soups:${menuName}`],
          names
        })
        const names = Effect.map(productCounters, (counters) => counters.map((row) => row.name))
        yield* takeIn([named(1, "new", 3)], [named(2, "old", 2)])
        assert.deepStrictEqual(yield* names, ["new"])
        const equallyNew = ["Щи", "z", "Z", "é", "Щи свежие"].map((name, index) => named(index + 3, name, 4))
        yield* takeIn(...equallyNew.map((one) => [one]))
        const stayed = yield* names
        for (const batches of [equallyNew.toReversed().map((one) => [one]), [equallyNew]]) {
          yield* emptied
          yield* Effect.provide(takeIn(...batches), surroundings())
          assert.deepStrictEqual(yield* names, stayed)
        }
      })
    )

    test(
      "names and guests with quotes, braces and emoji pass through arrays unchanged",
      Effect.gen(function* () {
        const odd = "\"\\{,}' NULL 😀"
        yield* takeIn([stats(1, 1, odd, `soup:${odd}:${odd}`)])
        assert.deepStrictEqual(yield* productCounters, [counter(odd, productId("soup"), odd, 1)])
        assert.deepStrictEqual(yield* categoryCounters, [counter(odd, categoryId(odd), odd, 1)])
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`select guest_id from cdm.guests`, [{ guest_id: odd }])
      })
    )
  })
