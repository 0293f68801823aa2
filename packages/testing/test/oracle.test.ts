import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { actualStgMessages } from "../src/oracle/actualStgMessages.ts"
import { memberText } from "../src/oracle/exactJson.ts"
import { after, inWindow, kindOf, order, replaced, statusOf } from "./handWrittenOrders.ts"

describe("The newest version", () => {
  const older = order({ status: "OPEN", updated: "2023-04-01 20:45:43.9" })
  const newer = order({ status: "CLOSED", updated: "2023-04-01 20:45:44", sent: "2023-04-02 00:00:00" })

  it("is by update_ts, in any order of arrival and however often", () => {
    assert.deepStrictEqual(statusOf(after(older, newer)), ["CLOSED"])
    assert.deepStrictEqual(after(newer, older, older, newer), after(older, newer))
  })

  it("is by sent_dttm where update_ts is equal to the microsecond", () => {
    const first = order({ status: "OPEN", updated: "2023-04-01 20:45:43.0000009", sent: "2023-04-08 00:00:00" })
    const second = order({ status: "CLOSED", updated: "2023-04-01 20:45:43", sent: "2023-04-08 00:00:00.1" })
    assert.deepStrictEqual(statusOf(after(second, first)), ["CLOSED"])
  })

  it("is by the hash of the bytes where both are equal", () => {
    const values = ["OPEN", "CLOSED", "CANCELLED", "COOKING"].map((status) => order({ status }))
    const hash = (text: string) => createHash("sha256").update(text).digest("hex")
    const largest = [...values].sort((a, b) => (hash(a) < hash(b) ? 1 : -1))[0] ?? ""
    for (const arrival of [values, values.toReversed()]) {
      const [event] = after(...arrival).stgOrderEvents
      assert.strictEqual(event?.version, `2023-04-01 20:45:43.000000|2023-04-08 20:27:36.000000|${hash(largest)}`)
      assert.strictEqual(event?.payloadText, memberText(largest, "payload"))
    }
  })
})

describe("Counters", () => {
  it("count distinct CLOSED orders, not dishes, lines or quantities", () => {
    const state = after(
      order({ id: 1, dishes: ["borsch", "ukha", "borsch"] }),
      order({ id: 2, dishes: ["borsch", "tea"] }),
      order({ id: 3, dishes: ["borsch"], status: "closed" }),
      order({ id: 4, user: "bob", dishes: ["ukha"] })
    )
    assert.deepStrictEqual(state.userProductCounters, [
      { user_id: "ann", product_id: "borsch", product_name: "Борщ", order_cnt: 2 },
      { user_id: "ann", product_id: "tea", product_name: "Чай", order_cnt: 1 },
      { user_id: "ann", product_id: "ukha", product_name: "Уха", order_cnt: 1 },
      { user_id: "bob", product_id: "ukha", product_name: "Уха", order_cnt: 1 }
    ])
    assert.deepStrictEqual(state.userCategoryCounters, [
      { user_id: "ann", category_name: "Напитки", order_cnt: 1 },
      { user_id: "ann", category_name: "Супы", order_cnt: 2 },
      { user_id: "bob", category_name: "Супы", order_cnt: 1 }
    ])
  })

  it("follow an order that is cancelled after closing, changes its guest or loses a dish", () => {
    const state = after(
      order({ id: 1 }),
      order({ id: 1, status: "CANCELLED", updated: "2023-05-01 00:00:00" }),
      order({ id: 2 }),
      order({ id: 2, user: "bob", updated: "2023-05-01 00:00:00" }),
      order({ id: 3, dishes: ["tea", "ukha"] }),
      order({ id: 3, dishes: ["tea"], updated: "2023-05-01 00:00:00" })
    )
    assert.deepStrictEqual(state.userCategoryCounters, [
      { user_id: "ann", category_name: "Напитки", order_cnt: 1 },
      { user_id: "bob", category_name: "Супы", order_cnt: 1 }
    ])
  })

  it("give a tag above the threshold, not at it", () => {
    assert.deepStrictEqual(after(order({ id: 1 })).userTags, [])
    assert.deepStrictEqual(after(order({ id: 1 }), order({ id: 2 })).userTags, [
      { user_id: "ann", tag: "soup", category_name: "Супы", order_cnt: 2 }
    ])
  })
})

describe("The tag of a rule with a window", () => {
  let id = 0
  const at = (date: string, dish = "borsch", user = "ann") => order({ id: ++id, date, user, dishes: [dish] })

  it("goes by the orders of the days up to the guest's newest, of whatever category that is, and by no other guest's", () => {
    const orders = [at("2023-04-01 10:00:00"), at("2023-04-02 10:00:00"), at("2023-04-03 09:00:00", "ukha")]
    const rule = { days: 2, threshold: 1, exitThreshold: 1 }
    assert.deepStrictEqual(inWindow(rule, ...orders), { ann: 3 })
    assert.deepStrictEqual(inWindow(rule, ...orders, at("2023-04-04 09:30:00", "tea")), { ann: 2 })
    assert.deepStrictEqual(inWindow(rule, ...orders, at("2023-04-04 10:30:00", "tea")), {})
    assert.deepStrictEqual(inWindow(rule, ...orders, at("2023-04-09 10:30:00", "tea", "bob")), { ann: 3 })
  })

  it("does not count an order that is as old as the window, to the millisecond, across the end of a month", () => {
    const before = at("2024-02-28 12:00:00.1239")
    const rule = { days: 2, threshold: 0, exitThreshold: 0 }
    assert.deepStrictEqual(inWindow(rule, before, at("2024-03-01 12:00:00.122", "tea")), { ann: 1 })
    assert.deepStrictEqual(inWindow(rule, before, at("2024-03-01 12:00:00.123", "tea")), {})
    assert.deepStrictEqual(inWindow(rule, before, at("2024-03-01 12:00:00.123")), { ann: 1 })
  })

  it("stays above the exit threshold, and goes there; between the thresholds nobody gets it", () => {
    const rule = { days: 1, threshold: 1, exitThreshold: 0 }
    const two = [at("2023-04-01 10:00:00"), at("2023-04-01 20:00:00")]
    assert.deepStrictEqual(inWindow(rule, ...two, at("2023-04-02 15:00:00", "tea")), { ann: 1 })
    assert.deepStrictEqual(inWindow(rule, ...two, at("2023-04-02 20:00:00", "tea")), {})
    assert.deepStrictEqual(inWindow(rule, ...two, at("2023-04-02 19:00:00"), at("2023-04-03 18:00:00", "tea")), {
      ann: 1
    })
    assert.deepStrictEqual(inWindow(rule, ...two, at("2023-04-02 20:00:00", "tea"), at("2023-04-03 18:00:00")), {})
  })

  it("sees the orders of one moment together, in any order of arrival", () => {
    const rule = { days: 1, threshold: 1, exitThreshold: 0 }
    const two = [at("2023-04-01 10:00:00"), at("2023-04-01 11:00:00")]
    // One after the other, tea would empty the window before the soup comes.
    const tied = [at("2023-04-02 11:00:00.5", "tea"), at("2023-04-02 11:00:00.500400", "ukha")]
    assert.deepStrictEqual(inWindow(rule, ...two, ...tied), { ann: 1 })
    assert.deepStrictEqual(inWindow(rule, ...tied.toReversed(), ...two.toReversed()), { ann: 1 })
  })

  it("follows an order's new date, and forgets the one before", () => {
    const rule = { days: 1, threshold: 1, exitThreshold: 1 }
    const moved = (date: string, updated: string) => order({ id: 1_000, date, updated })
    const orders = [at("2023-04-01 10:00:00"), moved("2023-04-01 11:00:00", "2023-04-01 12:00:00")]
    assert.deepStrictEqual(inWindow(rule, ...orders), { ann: 2 })
    assert.deepStrictEqual(inWindow(rule, ...orders, moved("2023-04-05 11:00:00", "2023-04-05 12:00:00")), {})
  })

  it("is not moved by an order that is not CLOSED or has no dish", () => {
    const rule = { days: 1, threshold: 0, exitThreshold: 0 }
    const later = { date: "2023-04-09 10:00:00", id: 1_000 }
    const soup = at("2023-04-01 10:00:00")
    assert.deepStrictEqual(inWindow(rule, soup, order({ ...later, dishes: ["tea"], status: "CANCELLED" })), { ann: 1 })
    assert.deepStrictEqual(inWindow(rule, soup, order({ ...later, dishes: [] })), { ann: 1 })
  })
})

describe("An order that waits", () => {
  it("is stored, names what is missing once and sorted, and counts nowhere", () => {
    const state = after(order({ user: "zoe", dishes: ["ukha", "zander", "nameless", "zander"] }))
    assert.deepStrictEqual(state.parked, [
      { object_id: 7, missing: { guests: ["zoe"], restaurants: [], dishes: ["nameless", "zander"] } }
    ])
    assert.lengthOf(state.stgOrderEvents, 1)
    assert.deepStrictEqual([state.stgMessages, state.userProductCounters, state.vault.orders], [[], [], []])
  })

  it("of an unknown restaurant names no dishes; a guest's id is no restaurant", () => {
    assert.deepStrictEqual(after(order({ restaurant: "ann" })).parked[0]?.missing, {
      guests: [],
      restaurants: ["ann"],
      dishes: []
    })
  })

  it("is undecidable where an older version could be enriched", () => {
    const older = order()
    const newer = order({ user: "zoe", updated: "2023-05-01 00:00:00" })
    assert.deepStrictEqual(after(older, newer).undecidable, [7])
    assert.deepStrictEqual(after(newer).undecidable, [])
  })
})

describe("What STG sends", () => {
  it("has exactly the members of the contract, names from Redis, price from the order", () => {
    const text = replaced(`"price":10`, `"name":"an old name","price":1.0e1,"extra":{}`)
    assert.strictEqual(
      JSON.stringify(after(text).stgMessages),
      `[{"key":"ann","message":{"object_id":7,"object_type":"order","payload":{"id":7,"date":"2023-04-01 20:45:43",` +
        `"cost":20,"payment":15.5,"status":"CLOSED","restaurant":{"id":"cafe","name":"Café"},` +
        `"user":{"id":"ann","name":"Ann"},"products":[{"id":"borsch","price":10,"quantity":2,"name":"Борщ",` +
        `"category":"Супы"}]}}}]`
    )
  })

  it("is read from the topic by the largest order-version, whatever came last", () => {
    const [sent] = after(order()).stgMessages
    const record = (version: string, date: string) => ({
      key: Buffer.from("ann"),
      value: Buffer.from(JSON.stringify({ ...sent?.message, payload: { ...sent?.message.payload, date } })),
      headers: new Map([["order-version", Buffer.from(version)]])
    })
    const [now] = actualStgMessages([record("2", "new"), record("1", "old")])
    assert.strictEqual(now?.message.payload.date, "new")
  })
})

describe("The vault", () => {
  it("has what the newest version says, and what an older one may have left", () => {
    const state = after(
      order({ dishes: ["borsch", "borsch", "tea"] }),
      order({ user: "bob", dishes: ["ukha", "ukha", "tea"], updated: "2023-05-01 00:00:00" })
    )
    assert.deepStrictEqual(state.vault.orders, [[7, "2023-04-01 20:45:43.000000"]])
    assert.deepStrictEqual(state.vault.orderParties, [[7, "bob", "cafe"]])
    assert.deepStrictEqual(state.vault.orderDishes, [
      [7, "tea", "Напитки"],
      [7, "ukha", "Супы"]
    ])
    assert.deepStrictEqual(state.vault.orderDishLines, [[7, "tea", 10, 2]])
    assert.deepStrictEqual(state.vault.userNames, [["bob", "Bob", ""]])
    assert.deepStrictEqual(state.vaultWithSuperseded.orderUser, [
      [7, "ann"],
      [7, "bob"]
    ])
    assert.deepStrictEqual(state.vaultWithSuperseded.products, [["borsch"], ["tea"], ["ukha"]])
  })
})

describe("A broken message", () => {
  it("is a dead letter with its position and touches nothing else", () => {
    const state = after(order({ id: 1 }), "not json", order({ id: 2 }))
    assert.deepStrictEqual(state.deadLetters, [{ topic: "orders", partition: 0, offset: 1, kind: "not-json" }])
    assert.deepStrictEqual(
      state.stgOrderEvents.map((event) => event.object_id),
      [1, 2]
    )
  })

  it("is called by what is wrong with it", () => {
    assert.deepStrictEqual(
      [
        null,
        "",
        `\uFEFF${order()}`,
        Uint8Array.of(0x22, 0xff, 0x22),
        replaced(`"cafe"`, `"\\u0000"`),
        replaced(`"object_id":7`, `"object_id":0`),
        replaced(`"object_id":7`, `"object_id":9007199254740992`),
        replaced(`"cost":20`, `"cost":"20"`),
        replaced(`"cost":20`, `"cost":-0.01`),
        replaced(`"cost":20`, `"cost":1e400`),
        replaced(`"cost":20`, `"cost":20,"statuses":[{"status":"OPEN","dttm":"soon"}]`),
        replaced(`"cost":20`, `"cost":20,"bonus_grant":null`),
        replaced(`"CLOSED"`, `""`),
        replaced(`"order"`, `"Order"`),
        replaced(`"quantity":2`, `"quantity":null`),
        "null"
      ].map(kindOf),
      [
        "tombstone",
        "not-json",
        "byte-order-mark",
        "not-utf8",
        "unstorable-text",
        "field object_id",
        "field object_id",
        "field payload.cost",
        "field payload.cost",
        "field payload.cost",
        "field payload.statuses[].dttm",
        "field payload.bonus_grant",
        "field payload.final_status",
        "field object_type",
        "field payload.order_items[].quantity",
        "field (the message)"
      ]
    )
  })

  it("is not what is merely unusual", () => {
    for (const text of [
      order(),
      order({ dishes: [] }),
      order({ status: "Что-то" }),
      order({ id: Number.MAX_SAFE_INTEGER }),
      replaced(`"cost":20`, `"cost":20.00`),
      replaced(`"cost":20`, `"cost":"a","cost":20`),
      replaced(`"cost":20`, `"cost":0,"__proto__":{"cost":-1},"more":1e400`),
      replaced(`"cost":20`, `"cost":20,"note":"\\\\u0000 \\ud83d\\ude00"`),
      replaced(`"object_id":7`, `"object_id":7.00`),
      ` \n${order()}\t`
    ])
      assert.isUndefined(kindOf(text), text)
  })
})
