/** Small orders by hand: two guests, one restaurant, one rule at a time. */
import { assert } from "@effect/vitest"
import { type Delivery, type ExpectedState, expectedState } from "../src/oracle/expectedState.ts"
import type { TagRule, TagWindow } from "../src/oracle/expectedTags.ts"
import type { DatabaseState } from "../src/oracle/actual.ts"

const references = new Map([
  ["ann", `{"_id": "ann", "name": "Ann", "login": "ann1", "update_ts_utc": "2023-01-01 00:00:00"}`],
  ["bob", `{"_id": "bob", "name": "Bob", "login": "", "update_ts_utc": "2023-01-01 00:00:00"}`],
  [
    "cafe",
    JSON.stringify({
      _id: "cafe",
      name: "Café",
      update_ts_utc: "2023-01-01 00:00:00",
      menu: [
        { _id: "borsch", name: "Борщ", price: 1, category: "Супы" },
        { _id: "ukha", name: "Уха", price: 1, category: "Супы" },
        { _id: "tea", name: "Чай", price: 1, category: "Напитки" },
        { _id: "nameless", name: "", price: 1, category: "Напитки" }
      ]
    })
  ]
])

interface Choices {
  readonly id?: number
  readonly user?: string
  readonly restaurant?: string
  readonly dishes?: ReadonlyArray<string>
  readonly date?: string
  readonly status?: string
  readonly updated?: string
  readonly sent?: string
}

const payload = ({ user = "ann", restaurant = "cafe", dishes = ["borsch"], ...choices }: Choices) => ({
  restaurant: { id: restaurant },
  date: choices.date ?? "2023-04-01 20:45:43",
  user: { id: user },
  order_items: dishes.map((id) => ({ id, price: 10, quantity: 2 })),
  cost: 20,
  payment: 15.5,
  final_status: choices.status ?? "CLOSED",
  update_ts: choices.updated ?? "2023-04-01 20:45:43"
})

const message = (choices: Choices = {}) => ({
  object_id: choices.id ?? 7,
  object_type: "order",
  sent_dttm: choices.sent ?? "2023-04-08 20:27:36",
  payload: payload(choices)
})

export const order = (choices: Choices = {}) => JSON.stringify(message(choices))

const deliver = (...values: ReadonlyArray<string | Uint8Array | null>): ReadonlyArray<Delivery> =>
  values.map((value, offset) => ({
    topic: "orders",
    partition: 0,
    offset,
    timestamp: 0,
    key: null,
    value: typeof value === "string" ? Buffer.from(value) : value
  }))

const afterUnder = (rules: ReadonlyArray<TagRule>, values: ReadonlyArray<string | Uint8Array | null>): ExpectedState =>
  expectedState({ deliveries: deliver(...values), references, rules })

export const after = (...values: ReadonlyArray<string | Uint8Array | null>): ExpectedState =>
  afterUnder([{ tag: "soup", category: "Супы", threshold: 1 }], values)

/** Of the guests who have the tag of this rule about soups, how many orders are in their windows. */
export const inWindow = (
  rule: Pick<TagRule, "threshold"> & TagWindow,
  ...values: ReadonlyArray<string>
): Readonly<Record<string, number>> => {
  const { userTags } = afterUnder([{ tag: "soup", category: "Супы", threshold: rule.threshold, window: rule }], values)
  return Object.fromEntries(userTags.map(({ order_cnt, user_id }) => [user_id, order_cnt]))
}

export const statusOf = (state: ExpectedState) => state.vault.orderStatus.map(([, status]) => status)

export const kindOf = (value: string | Uint8Array | null) => after(value).deadLetters[0]?.kind

/** The message with the text replaced; fails where the text is not there, or the test would test nothing. */
export const replaced = (from: string, to: string) => {
  const text = order()
  assert.include(text, from)
  return text.replace(from, () => to)
}

export const databaseOf = (state: ExpectedState): DatabaseState => ({
  stgOrderEvents: state.stgOrderEvents,
  parked: state.parked,
  vault: state.vault,
  userProductCounters: state.userProductCounters,
  userCategoryCounters: state.userCategoryCounters,
  userTags: state.userTags,
  deadLetters: state.deadLetters
})
