import type { Random } from "./Random.ts"
import type { Body, Line } from "./scenarios.ts"
import type { Json, JsonMembers } from "./writeJson.ts"

const second = 1000

/** Milliseconds of UTC as `YYYY-MM-DD HH:MM:SS`. */
export const timeText = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")

/** A time as text with a fraction that is often absent; one of more than six digits differs beyond the sixth only. */
export const oddTimeText = (random: Random, milliseconds: number): string =>
  timeText(milliseconds) +
  (random.chance(0.6) ? "" : random.pick([".0", ".5", ".123", ".123456", ".1234569", ".999999999", ".000000"]))

/** Ways to write one and the same microsecond. */
export const sameTimeText = (random: Random, milliseconds: number): string =>
  timeText(milliseconds) + random.pick(["", ".0", ".000", ".000000", ".0000009", ".000000000"])

const round = (amount: number) => Math.round(amount * 100) / 100

const costOf = (lines: ReadonlyArray<Line>) =>
  round(lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0))

/** The members that no rule needs; each may be absent. */
const decoration = (random: Random, placed: number): JsonMembers => {
  const statuses: Json = ["CLOSED", "DELIVERING", "COOKING", "OPEN"].slice(random.below(5)).map((status, index) => ({
    status,
    dttm: oddTimeText(random, placed - index * 600 * second)
  }))
  return {
    ...(random.chance(0.95) ? { bonus_payment: random.pick([0, 25, 12.5]) } : {}),
    ...(random.chance(0.95) ? { bonus_grant: random.pick([0, 8, -8, 0.01]) } : {}),
    ...(random.chance(0.95) ? { statuses } : {})
  }
}

/** A message of the orders topic, written as the source would. `date`, `sentDttm`, `updateTs` are texts. */
export const orderDocument = (
  random: Random,
  objectId: number,
  body: Body,
  times: { readonly placed: number; readonly date: string; readonly sentDttm: string; readonly updateTs: string }
): JsonMembers => {
  const cost = costOf(body.lines)
  return {
    object_id: objectId,
    object_type: "order",
    sent_dttm: times.sentDttm,
    payload: {
      restaurant: { id: body.place.id },
      date: times.date,
      user: { id: body.guest },
      order_items: body.lines.map(({ item, price, quantity }) => ({
        id: item.id,
        // The menu's name counts, not this one.
        ...(random.chance(0.9) ? { name: random.chance(0.9) ? item.name : "an old name" } : {}),
        price,
        quantity
      })),
      cost,
      payment: random.chance(0.9) ? cost : round(cost / 2),
      ...decoration(random, times.placed),
      final_status: body.status,
      update_ts: times.updateTs
    }
  }
}
