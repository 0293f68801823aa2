import { assert, describe, it } from "@effect/vitest"
import { uuidOf } from "@metka/core/Uuid"
import fc from "fast-check"
import { contributions, orderInVault, rounds, vaultRows as rowsOf, type VersionedOrder } from "../src/vault.ts"
import { dish, order } from "./versionedOrder.ts"

describe("keys", () => {
  it('("a","bc") and ("ab","c") never meet, nor do two types with one business key', () => {
    assert.notStrictEqual(uuidOf("l", "a", "bc"), uuidOf("l", "ab", "c"))
    assert.notStrictEqual(uuidOf("h_user", "x"), uuidOf("h_product", "x"))
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), fc.array(fc.string({ unit: "binary" })), (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b))
        assert.notStrictEqual(uuidOf("t", ...a), uuidOf("t", ...b))
      })
    )
  })

  it("are version 5 UUIDs and the same on every run", () => {
    assert.strictEqual(uuidOf("h_user", "626a81ce9a8cd1920641e29c"), uuidOf("h_user", "626a81ce9a8cd1920641e29c"))
    assert.match(
      uuidOf("h_user", "Ж".repeat(5_000)),
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    )
  })
})

const vaultRows = (orders: ReadonlyArray<VersionedOrder>) => rowsOf(orders.map(orderInVault))

describe("vault rows", () => {
  it("a batch is cut into rounds that take in what taking its messages one by one would", () => {
    const versions = (messages: ReadonlyArray<VersionedOrder>) =>
      rounds(messages.map((message) => ({ ...message, orderId: message.order.object_id }))).map((round) =>
        round.map((message) => message.orderVersion)
      )
    const [one, two, three] = ["1", "2", "3"].map((version) => order([], { version }))
    if (one === undefined || two === undefined || three === undefined) throw new Error("three versions")
    assert.deepStrictEqual(versions([one, two, three]), [["1"], ["2"], ["3"]])
    assert.deepStrictEqual(versions([three, one, two]), [["3"]])
    assert.deepStrictEqual(versions([one, one, three, two]), [["1"], ["3"]])
  })

  it("of names in one round the newest is kept: names are as new as their reference", () => {
    const other = order([], { userVersion: "1", userName: "Котова" })
    const rows = vaultRows([
      { ...other, order: { ...other.order, object_id: 2 } },
      order([], { userVersion: "2", userName: "Иванова" })
    ])
    assert.deepStrictEqual(
      rows.users.map((user) => user.name),
      ["Иванова"]
    )
  })

  it("a dish that the order names twice is one item with all its pieces", () => {
    const [row] = vaultRows([order([dish("d1", "Супы", 2), dish("d1", "Супы", 3)])]).orders
    assert.deepStrictEqual(
      row?.items.map((item) => item.quantity),
      [5]
    )
  })

  it("pieces beyond all numbers stay one: Infinity in the vault would spoil every sum", () => {
    const [row] = vaultRows([order([dish("d1", "Супы", 1e308), dish("d1", "Супы", 1.7e308)])]).orders
    assert.deepStrictEqual(
      row?.items.map((item) => item.quantity),
      [Number.MAX_VALUE]
    )
  })
})

describe("contributions", () => {
  it("an order that is not CLOSED contributes nothing, whatever its dishes", () => {
    fc.assert(
      fc.property(fc.string(), (status) => {
        fc.pre(status !== "CLOSED")
        assert.deepStrictEqual(contributions(order([dish("d1", "Супы")], { status }).order), [])
      })
    )
  })

  it("each dish of a CLOSED order is one row, with the key of the vault's guest", () => {
    const rows = contributions(order([dish("d1", "Супы"), dish("d2", "Супы"), dish("d1", "Супы")]).order)
    assert.deepStrictEqual(
      rows.map((row) => row.product_name),
      ["dish d1", "dish d2"]
    )
    assert.isTrue(rows.every((row) => row.order_cnt === 1 && row.user_id === uuidOf("h_user", "u1")))
    assert.deepStrictEqual(Object.keys(rows[0] ?? {}), [
      "user_id",
      "product_id",
      "product_name",
      "category_id",
      "category_name",
      "order_cnt"
    ])
  })
})
