import { decodeSourceOrder } from "@metka/core/messages/SourceOrder"
import type { SourceOrder } from "@metka/core/messages/SourceOrder"
import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { defaultOrders, defaultSeed, demoWeek } from "../src/demo/demoWeek.ts"
import type { DemoWeek } from "../src/demo/demoWeek.ts"
import { demoFiles } from "../src/demo/demoFiles.ts"
import { demoRules } from "../src/demo/demoRules.ts"

const endsAt = Date.UTC(2026, 10, 24, 12, 34, 56)
const week = 7 * 86_400_000

const bytes = new TextEncoder()
const decode = (value: string): SourceOrder => Result.getOrThrow(decodeSourceOrder(bytes.encode(value))).order
const ordersOf = (demo: DemoWeek): ReadonlyArray<SourceOrder> => [...demo.messages].map(({ value }) => decode(value))
const epoch = (text: string): number => Date.parse(`${text.replace(" ", "T")}Z`)
const fileTexts = (demo: DemoWeek): ReadonlyArray<string> =>
  Object.entries(demoFiles(demo)).map(([name, lines]) => `${name}\n${[...lines].join("\n")}`)

const small = fc.record({ orders: fc.integer({ min: 0, max: 400 }), seed: fc.integer({ min: 0, max: 2 ** 53 - 1 }) })
const property = (check: (options: { orders: number; seed: number }) => void) =>
  fc.assert(fc.property(small, check), {
    numRuns: 40,
    seed: 1,
    examples: [[{ orders: 1, seed: 1 }], [{ orders: 10, seed: 1 }]]
  })

const standard = demoWeek({ orders: defaultOrders, seed: defaultSeed, endsAt })
const standardOrders = ordersOf(standard)
/** The newest version of each order. */
const finalOrders = [...new Map(standardOrders.map((order) => [order.object_id, order])).values()]

const count = (keys: Iterable<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

/** In how many CLOSED orders of the week each guest had the category. */
const categoryCounters = (demo: DemoWeek, orders: ReadonlyArray<SourceOrder>, category: string) => {
  const dishes = new Set(
    demo.references.restaurants
      .flatMap(({ menu }) => menu.filter((dish) => dish.category === category))
      .map((dish) => dish._id)
  )
  return count(
    orders
      .filter(
        ({ payload }) => payload.final_status === "CLOSED" && payload.order_items.some((item) => dishes.has(item.id))
      )
      .map(({ payload }) => payload.user.id)
  )
}

describe("the seed fixes all but the end", () => {
  it("gives the same bytes for the same seed, also when the messages are asked for twice", () =>
    property(({ orders, seed }) => {
      const demo = demoWeek({ orders, seed, endsAt })
      expect(fileTexts(demo)).toEqual(fileTexts(demoWeek({ orders, seed, endsAt })))
      expect([...demo.messages]).toEqual([...demo.messages])
    }))

  it("gives other guests, dishes and orders for another seed", () => {
    const [one, other] = [1, 2].map((seed) => demoWeek({ orders: 50, seed, endsAt }))
    const ids = (demo: DemoWeek | undefined) => new Set(demo?.references.users.map((user) => user._id))
    expect(ids(one).intersection(ids(other)).size).toBe(0)
    const values = (demo: DemoWeek | undefined) => [...(demo?.messages ?? [])].map(({ value }) => value)
    expect(values(one)).not.toEqual(values(other))
  })

  it("keeps seeds apart that differ beyond 32 bits", () => {
    const [one, other] = [1, 1 + 2 ** 32].map((seed) => demoWeek({ orders: 10, seed, endsAt }))
    expect(one?.references.users).not.toEqual(other?.references.users)
  })

  it("moves every time by the same amount with the end, and changes nothing else", () => {
    const time = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g
    const relative = (demo: DemoWeek) =>
      fileTexts(demo).map((text) => text.replaceAll(time, (found) => `${(epoch(found) - demo.endsAt) / 1_000} s`))
    fc.assert(
      fc.property(small, fc.integer({ min: -100_000_000, max: 100_000_000 }), ({ orders, seed }, seconds) => {
        const moved = demoWeek({ orders, seed, endsAt: endsAt + seconds * 1_000 })
        expect(relative(moved)).toEqual(relative(demoWeek({ orders, seed, endsAt })))
        expect(moved.endsAt).toBe(endsAt + seconds * 1_000)
      }),
      { numRuns: 30, seed: 1 }
    )
  })

  it("changes times alone when the peaks are to stand at the true hours", () => {
    const timeless = (rhythmEndsAt: number | undefined) => {
      const demo = demoWeek({ orders: 400, seed: 1, endsAt, rhythmEndsAt })
      return [...demo.messages].map(({ value }) => value.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "")).sort()
    }
    expect(timeless(endsAt)).toEqual(timeless(undefined))
  })

  it("cuts a fraction of a second off the end", () => {
    const demo = demoWeek({ orders: 20, seed: 1, endsAt: endsAt + 999 })
    expect(fileTexts(demo)).toEqual(fileTexts(demoWeek({ orders: 20, seed: 1, endsAt })))
  })
})

describe("the messages are the app's", () => {
  it("keeps the source's order of keys and puts the newest status first", () => {
    const message = [...demoWeek({ orders: 50, seed: 1, endsAt }).messages].find(({ status }) => status === "CLOSED")
    const order: Record<string, unknown> = JSON.parse(message?.value ?? "{}")
    expect(Object.keys(order)).toEqual(["object_id", "object_type", "sent_dttm", "payload"])
    expect(Object.keys(Object(order["payload"]))).toEqual([
      "restaurant",
      "date",
      "user",
      "order_items",
      "bonus_payment",
      "cost",
      "payment",
      "bonus_grant",
      "statuses",
      "final_status",
      "update_ts"
    ])
    const { payload } = decode(message?.value ?? "")
    expect(Object.keys(payload.order_items[0] ?? {})).toEqual(["id", "name", "price", "quantity"])
    expect(payload.statuses?.map(({ status }) => status)).toEqual(["CLOSED", "DELIVERING", "COOKING", "OPEN"])
  })

  it("names only guests, restaurants and dishes of the references, the dish by the name and price of its menu", () =>
    property((options) => {
      const demo = demoWeek({ ...options, endsAt })
      const users = new Set(demo.references.users.map((user) => user._id))
      const menus = new Map(
        demo.references.restaurants.map(({ _id, menu }) => [_id, new Map(menu.map((dish) => [dish._id, dish]))])
      )
      for (const { payload } of ordersOf(demo)) {
        expect(users).toContain(payload.user.id)
        expect(payload.order_items.length).toBeGreaterThanOrEqual(1)
        expect(payload.order_items.length).toBeLessThanOrEqual(6)
        expect(new Set(payload.order_items.map(({ id }) => id)).size).toBe(payload.order_items.length)
        for (const { id, name, price, quantity } of payload.order_items) {
          expect(menus.get(payload.restaurant.id)?.get(id)).toMatchObject({ name, price })
          expect(Number.isInteger(quantity) && quantity >= 1).toBe(true)
        }
      }
    }))

  it("adds up: cost, payment and bonuses", () => {
    for (const { payload } of standardOrders) {
      const { bonus_grant = -1, bonus_payment = -1, cost, final_status, order_items, payment } = payload
      expect(cost).toBe(order_items.reduce((sum, { price, quantity }) => sum + price * quantity, 0))
      expect(payment).toBe(cost - bonus_payment)
      expect(bonus_payment >= 0 && bonus_payment <= 0.3 * cost).toBe(true)
      const [least, most] = final_status === "CLOSED" ? [payment, 5 * payment] : [0, 0]
      expect(100 * bonus_grant >= least && 100 * bonus_grant <= most, `${bonus_grant} of ${payment}`).toBe(true)
    }
  })

  it("keeps every time in the seven days, in order, and sends by sent_dttm", () =>
    property(({ orders, seed }) => {
      const demo = demoWeek({ orders, seed, endsAt })
      let sentBefore = 0
      for (const { payload, sent_dttm } of ordersOf(demo)) {
        const steps = payload.statuses?.map(({ dttm }) => epoch(dttm)) ?? []
        const times = [epoch(sent_dttm), epoch(payload.update_ts), ...steps, demo.startsAt]
        expect(times).toEqual(times.toSorted((a, b) => b - a))
        expect(payload.date).toBe(payload.update_ts)
        expect(payload.statuses?.[0]).toEqual({ status: payload.final_status, dttm: payload.update_ts })
        expect(epoch(sent_dttm)).toBeLessThanOrEqual(endsAt)
        expect(epoch(sent_dttm)).toBeGreaterThanOrEqual(sentBefore)
        sentBefore = epoch(sent_dttm)
      }
      expect(demo.endsAt - demo.startsAt).toBe(week)
    }))

  it("makes as many orders as asked for, with ids that follow each other, and says how many messages they are", () =>
    property(({ orders, seed }) => {
      const demo = demoWeek({ orders, seed, endsAt })
      const messages = [...demo.messages]
      expect(messages.length).toBe(demo.messageCount)
      const ids = [...new Set(messages.map(({ objectId }) => objectId))].sort((a, b) => a - b)
      expect(ids.length).toBe(orders)
      if (orders > 0) expect((ids.at(-1) ?? 0) - (ids[0] ?? 0)).toBe(orders - 1)
      for (const { key, objectId, sentAt, status, value } of messages) {
        const order = decode(value)
        expect({ key, objectId, sentAt, status }).toEqual({
          key: String(order.object_id),
          objectId: order.object_id,
          sentAt: epoch(order.sent_dttm),
          status: order.payload.final_status
        })
      }
    }))
})

describe("the default week is a real one in small", () => {
  it("ends 93 % of its orders CLOSED, 4 % CANCELLED at once, 2 % after closing, and has 1 % on the way", () => {
    const versions = Map.groupBy(standardOrders, ({ object_id }) => object_id)
    const shares = count(
      [...versions.values()].map((history) => {
        const statuses = history.map(({ payload }) => payload.final_status).join()
        return /OPEN|COOKING|DELIVERING/.test(statuses) ? "on the way" : statuses
      })
    )
    expect([...shares.keys()].sort()).toEqual(["CANCELLED", "CLOSED", "CLOSED,CANCELLED", "on the way"])
    expect((shares.get("CLOSED") ?? 0) / defaultOrders).toBeCloseTo(0.93, 2)
    expect((shares.get("CANCELLED") ?? 0) / defaultOrders).toBeCloseTo(0.04, 2)
    expect((shares.get("CLOSED,CANCELLED") ?? 0) / defaultOrders).toBeCloseTo(0.02, 2)
    expect((shares.get("on the way") ?? 0) / defaultOrders).toBeCloseTo(0.01, 3)
  })

  it("gives a cancellation after closing a newer update_ts and sent_dttm, so that no hash has to decide", () => {
    for (const [closing, recall] of Map.groupBy(standardOrders, ({ object_id }) => object_id).values()) {
      if (closing === undefined || recall === undefined) continue
      expect(recall.payload.update_ts > closing.payload.update_ts).toBe(true)
      expect(recall.sent_dttm > closing.sent_dttm).toBe(true)
    }
  })

  it("has regulars: a tenth of the guests place 30 to 60 % of the orders, yet half of them come thrice", () => {
    const guests = standard.references.users.length
    const perGuest = [...count(finalOrders.map(({ payload }) => payload.user.id)).values()].sort((a, b) => b - a)
    const firstTenth = perGuest.slice(0, guests / 10).reduce((sum, orders) => sum + orders, 0) / defaultOrders
    expect(firstTenth).toBeGreaterThan(0.3)
    expect(firstTenth).toBeLessThan(0.6)
    expect(perGuest[guests / 2]).toBeGreaterThanOrEqual(3)
    // A straight line of slope near −1 between the ranks 200 and 2,000 is what Zipf's law says.
    const slope = Math.log((perGuest[1_999] ?? 1) / (perGuest[199] ?? 1)) / Math.log(10)
    expect(slope).toBeGreaterThan(-1.2)
    expect(slope).toBeLessThan(-0.7)
  })

  it("has tastes: guests come back to the same restaurant and the same dish", () => {
    const busy = Map.groupBy(finalOrders, ({ payload }) => payload.user.id)
      .values()
      .filter((orders) => orders.length >= 10)
    const shares = [...busy].map((orders) => {
      const most = (keys: Array<string>) => Math.max(...count(keys).values()) / orders.length
      return {
        restaurant: most(orders.map(({ payload }) => payload.restaurant.id)),
        dish: most(orders.flatMap(({ payload }) => payload.order_items.map((item) => item.id)))
      }
    })
    const mean = (key: "restaurant" | "dish") => shares.reduce((sum, share) => sum + share[key], 0) / shares.length
    expect(mean("restaurant")).toBeGreaterThan(0.35)
    expect(mean("dish")).toBeGreaterThan(0.15)
  })

  it("peaks at lunch and dinner by Moscow time, sleeps at night, and is busier at the weekend", () => {
    const now = Date.UTC(2026, 10, 24, 1, 2, 3)
    const opened = ordersOf(demoWeek({ orders: 20_000, seed: 3, endsAt: now, rhythmEndsAt: now })).map(
      ({ payload }) => new Date(epoch(payload.statuses?.at(-1)?.dttm ?? "") + 3 * 3_600_000)
    )
    const hours = count(opened.map((moscow) => String(moscow.getUTCHours())))
    const at = (hour: number) => hours.get(String(hour)) ?? 0
    expect(at(13)).toBeGreaterThan(1.5 * at(16))
    expect(at(19)).toBeGreaterThan(1.5 * at(16))
    expect(at(4)).toBeLessThan(0.1 * at(16))
    const days = count(opened.map((moscow) => String(moscow.getUTCDay())))
    expect(Math.min(days.get("6") ?? 0, days.get("0") ?? 0)).toBeGreaterThan(1.1 * (days.get("3") ?? 0))
  })

  it.for(demoRules)("gives «$tag» to 2–25 % of the guests", ({ category, threshold }) => {
    const counters = [...categoryCounters(standard, finalOrders, category).values()]
    const tagged = counters.filter((orders) => orders > threshold)
    const share = tagged.length / standard.references.users.length
    expect(share).toBeGreaterThan(0.02)
    expect(share).toBeLessThan(0.25)
  })

  it("has one rule a tag, for categories that are on a menu", () => {
    const categories = standard.references.restaurants.flatMap(({ menu }) => menu.map((dish) => dish.category))
    expect(new Set(demoRules.map(({ tag }) => tag)).size).toBe(demoRules.length)
    for (const { category } of demoRules) expect(categories).toContain(category)
  })
})
