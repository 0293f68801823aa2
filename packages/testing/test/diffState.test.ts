import { assert, describe, it } from "@effect/vitest"
import type { DatabaseState } from "../src/oracle/actual.ts"
import { diffState } from "../src/oracle/diffState.ts"
import { after, databaseOf, order } from "./handWrittenOrders.ts"

describe("The difference", () => {
  const expected = after(
    order({ id: 1 }),
    order({ id: 2, dishes: ["tea", "ukha"] }),
    order({ id: 3, user: "zoe" }),
    "not json",
    order({ id: 4, user: "bob", dishes: ["tea"] }),
    order({ id: 4, updated: "2023-05-01 00:00:00" })
  )
  const database = databaseOf(expected)

  it("is none between a state and itself, messages included", () => {
    assert.deepStrictEqual(diffState(expected, database), [])
    assert.deepStrictEqual(diffState(expected, expected), [])
  })

  it("is seen when any table lacks a row or has one too many", () => {
    const { vault, ...marts } = expected
    const tables: ReadonlyArray<(keyof typeof marts & keyof DatabaseState) | "stgMessages"> = [
      "stgOrderEvents",
      "parked",
      "stgMessages",
      "userProductCounters",
      "userCategoryCounters",
      "userTags",
      "deadLetters"
    ]
    for (const table of tables) {
      assert.isNotEmpty(expected[table], table)
      assert.isNotEmpty(diffState(expected, { ...expected, [table]: expected[table].slice(1) }), table)
      assert.isNotEmpty(diffState({ ...expected, [table]: expected[table].slice(1) }, expected), table)
      assert.isNotEmpty(
        diffState(expected, { ...expected, [table]: [...expected[table], ...expected[table]] }),
        `${table} twice`
      )
    }
    for (const [table, rows] of Object.entries(vault)) {
      assert.isNotEmpty(rows, table)
      assert.isNotEmpty(diffState(expected, { ...database, vault: { ...vault, [table]: rows.slice(1) } }), table)
      if (table === "orderDishLines") continue
      const extra = rows.map((row) => row.map((value) => (typeof value === "string" ? `${value}?` : value + 100)))
      assert.isNotEmpty(diffState(expected, { ...database, vault: { ...vault, [table]: [...rows, ...extra] } }), table)
    }
  })

  it("tolerates links of a superseded version, and not its status", () => {
    const vault = { ...expected.vault, orderUser: expected.vaultWithSuperseded.orderUser }
    assert.notDeepEqual(vault.orderUser, expected.vault.orderUser)
    assert.deepStrictEqual(diffState(expected, { ...database, vault }), [])
    const stale = { ...expected.vault, orderParties: [...expected.vault.orderParties, [4, "bob", "cafe"]] }
    assert.deepStrictEqual(diffState(expected, { ...database, vault: stale }), [
      `dds orderParties: unexpected order_id=4 user_id="bob" restaurant_id="cafe"`
    ])
  })

  it("names the guest and both values, and counts what it leaves out", () => {
    const userCategoryCounters = expected.userCategoryCounters.map((row) => ({ ...row, order_cnt: row.order_cnt + 1 }))
    assert.deepStrictEqual(diffState(expected, { ...database, userCategoryCounters }, 1), [
      `cdm.user_category_counters: user_id="ann" category_name="Напитки": order_cnt is 2, expected 1`,
      `… and ${expected.userCategoryCounters.length - 1} more differences`
    ])
  })

  it("says when a state cannot be decided", () => {
    const state = after(order(), order({ user: "zoe", updated: "2023-05-01 00:00:00" }))
    assert.match(diffState(state, databaseOf(state)).join(), /order 7: its newest version waits/)
  })
})
