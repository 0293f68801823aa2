/** One restaurant and its orders, for tests that tell a story. */
import type { OutgoingMessage } from "./messyStream/messyStream.ts"

export interface MenuDish {
  readonly id: string
  readonly name: string
  readonly category: string
}

const update_ts_utc = "2023-03-01 10:00:00"

/** What the app's loader puts into Redis, by id. */
export const cafeReferences = (
  guests: ReadonlyArray<string>,
  menu: ReadonlyArray<MenuDish>
): ReadonlyMap<string, string> =>
  new Map(
    [
      ...guests.map((_id) => ({ _id, name: _id, login: _id, update_ts_utc })),
      {
        _id: "cafe",
        name: "Кафе",
        menu: menu.map(({ category, id, name }) => ({ _id: id, name, price: 100, category })),
        update_ts_utc
      }
    ].map((document) => [document._id, JSON.stringify(document)])
  )

/**
 * An order as the app sends it.
 * @param at day and minute, `2023-04-01 20:00`
 */
export const cafeOrder = (
  guest: string,
  number: number,
  at: string,
  dishes: ReadonlyArray<string>,
  status = "CLOSED"
): OutgoingMessage => ({
  key: guest,
  value: Buffer.from(
    JSON.stringify({
      object_id: number,
      object_type: "order",
      sent_dttm: `${at}:00`,
      payload: {
        restaurant: { id: "cafe" },
        date: `${at}:00`,
        user: { id: guest },
        order_items: dishes.map((id) => ({ id, name: id, price: 100, quantity: 1 })),
        bonus_payment: 0,
        cost: 100,
        payment: 100,
        bonus_grant: 0,
        statuses: [],
        final_status: status,
        update_ts: `${at}:${status === "CLOSED" ? "00" : "01"}`
      }
    })
  )
})
