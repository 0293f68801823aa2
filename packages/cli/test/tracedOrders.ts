/** Orders of one guest, whose names and login nobody may find in telemetry. */

/** What stands for personal data in names, logins and dishes. */
export const marker = "Тайнова"
export const loginMarker = "taynova-login"

/** What a category begins with that a test makes PostgreSQL refuse. */
export const refusedCategory = "Запретное"

const updated = "2023-04-01 00:00:00"

export const references = [
  { _id: "guest", name: `${marker} Мария Петровна`, login: loginMarker, update_ts_utc: updated },
  { _id: "unreadable", name: `${marker} Анна`, login: [loginMarker], update_ts_utc: updated },
  {
    _id: "restaurant",
    name: `Кафе ${marker}`,
    menu: [
      { _id: "soup", name: `Суп «${marker}»`, price: 300, category: "Супы" },
      { _id: "refused", name: "Суп", price: 300, category: `${refusedCategory} ${marker}` }
    ],
    update_ts_utc: updated
  }
]

export const order = (id: number, { dish = "soup", guest = "guest" } = {}) =>
  JSON.stringify({
    object_id: id,
    object_type: "order",
    sent_dttm: "2023-04-08 20:27:36",
    payload: {
      restaurant: { id: "restaurant" },
      date: "2023-04-01 20:45:43",
      user: { id: guest },
      order_items: [{ id: dish, name: `Суп «${marker}»`, price: 300, quantity: 1 }],
      bonus_payment: 0,
      cost: 300,
      payment: 300,
      bonus_grant: 0,
      statuses: [{ status: "CLOSED", dttm: "2023-04-01 20:45:43" }],
      final_status: "CLOSED",
      update_ts: "2023-04-01 20:45:43"
    }
  })

/** Messages that become dead letters, each for another reason that could quote them. */
export const broken = [
  `${marker} ${loginMarker}`,
  `{"object_id": 1, "object_type": "${marker}"}`,
  `{"object_id": "${marker}", "object_type": "order", "payload": {"user": {"id": ["${loginMarker}"]}}}`,
  `{"object_id": 1, "object_type": "order", "payload": {"user": {"name": "${marker}\\u0000"}}}`
]
