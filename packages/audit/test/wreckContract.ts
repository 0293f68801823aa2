/** What `metka verify` says of a vault that lost whole tables, on any database. */
import { assert, type Vitest } from "@effect/vitest"
import { userKey } from "@metka/dds/vault"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { verdict } from "./messyDatabase.ts"

const soup = { id: "soup", name: "Суп", category: "Супы" }
const at = "2023-04-01 20:00"

/** A page of orders, each of a guest of its own. */
const guests = Array.from({ length: 2_000 }, (_, index) => `guest ${index + 1}`)
const takeInGuests = withMemorySystem(
  {},
  Effect.gen(function* () {
    yield* loadReferences(cafeReferences(guests, [soup]))
    yield* send(guests.map((guest, index) => cafeOrder(guest, index + 1, at, [soup.id])))
    yield* settled(0)
  })
)

const olderOrders = 20
/** Orders of a guest and a dish with their older names, then one with the newer ones. */
const takeInRenaming = withMemorySystem(
  {},
  Effect.gen(function* () {
    const references = cafeReferences(["ann"], [soup])
    yield* loadReferences(references)
    yield* send(Array.from({ length: olderOrders }, (_, index) => cafeOrder("ann", index + 1, at, [soup.id])))
    yield* settled(0)
    const newer = [...references].map(
      ([id, json]) =>
        [
          id,
          json
            .replace("2023-03-01", "2023-03-02")
            .replace('"name":"ann"', '"name":"Anna"')
            .replace("Кафе", "Бистро")
            .replace('"Суп"', '"Борщ"')
        ] as const
    )
    yield* loadReferences(new Map(newer))
    yield* send([cafeOrder("ann", olderOrders + 1, at, [soup.id])])
    yield* settled(0)
  })
)

export const wreckContract = (it: Vitest.MethodsNonLive<SqlClient.SqlClient>) => {
  it.effect(
    "verify of a vault without a single guest's name ends with its verdict: each name is missed once, by its order",
    () =>
      Effect.gen(function* () {
        yield* takeInGuests
        const sql = yield* SqlClient.SqlClient
        yield* sql`truncate dds.s_user_names`
        const { checks, differences } = yield* verdict
        assert.deepStrictEqual(
          checks.filter(({ differences }) => differences > 0),
          [
            { name: "things", differences: guests.length },
            { name: "vault", differences: guests.length }
          ]
        )
        const missed = differences.filter(({ check }) => check === "things")
        assert.deepStrictEqual(
          missed.map(({ what }) => what),
          missed.map(({ order }) => userKey(`guest ${order}`))
        )
      })
  )

  it.effect("verify names the order that brought the missing name, and none whose older name is there", () =>
    Effect.gen(function* () {
      yield* takeInRenaming
      const sql = yield* SqlClient.SqlClient
      yield* sql`delete from dds.s_user_names where username = 'Anna'`
      yield* sql`delete from dds.s_restaurant_names where name = 'Бистро'`
      yield* sql`update cdm.product_names set (product_name, name_version) =
        (select name, restaurant_version from dds.s_product_names where name = 'Суп')`
      yield* sql`delete from dds.s_product_names where name = 'Борщ'`
      const { differences } = yield* verdict
      const newest = String(olderOrders + 1)
      assert.deepStrictEqual(
        differences
          .filter(({ check, table }) => check === "things" || table === "cdm.product_names")
          .map(({ order, table }) => [table, order])
          .sort(),
        ["cdm.product_names", "dds.s_product_names", "dds.s_restaurant_names", "dds.s_user_names"].map((table) => [
          table,
          newest
        ])
      )
    })
  )
}
