import { describe, expect, it } from "@effect/vitest"
import { demoFiles } from "../src/demo/demoFiles.ts"
import { demoWeek } from "../src/demo/demoWeek.ts"
import { drawGuestName, transliterate } from "../src/demo/guestNames.ts"
import { makeRandom, permutation } from "../src/demo/Random.ts"
import { trickle } from "../src/demo/trickle.ts"
import { utcText } from "../src/demo/utcText.ts"
import { makeWeightedChoice } from "../src/demo/weightedChoice.ts"
import { guestCount } from "../src/demo/World.ts"

const endsAt = Date.UTC(2026, 10, 24, 12, 0, 0)
const demo = demoWeek({ orders: 5_000, seed: 7, endsAt })
const { restaurants, users } = demo.references

describe("references", () => {
  it("have ids like ObjectIds, none twice, and logins none twice", () => {
    const ids = [...users, ...restaurants, ...restaurants.flatMap(({ menu }) => menu)].map(({ _id }) => _id)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{24}$/)
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(users.map(({ login }) => login)).size).toBe(users.length)
  })

  it("are in the loader's format, and older than the week", () => {
    const [user, restaurant] = [users[0], restaurants[0]]
    expect(Object.keys(user ?? {})).toEqual(["_id", "name", "login", "update_ts_utc"])
    expect(Object.keys(restaurant ?? {})).toEqual(["_id", "name", "menu", "update_ts_utc"])
    expect(Object.keys(restaurant?.menu[0] ?? {})).toEqual(["_id", "name", "price", "category"])
    for (const { update_ts_utc } of [...users, ...restaurants]) {
      expect(update_ts_utc).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
      expect(update_ts_utc < utcText(demo.startsAt)).toBe(true)
    }
  })

  it("have some two dozen restaurants with 15–40 dishes at whole roubles, no name twice on a menu", () => {
    expect(restaurants.length).toBe(24)
    expect(new Set(restaurants.map(({ name }) => name)).size).toBe(24)
    for (const { menu, name } of restaurants) {
      expect(menu.length, name).toBeGreaterThanOrEqual(15)
      expect(menu.length, name).toBeLessThanOrEqual(40)
      expect(new Set(menu.map((dish) => dish.name)).size, name).toBe(menu.length)
      for (const { price } of menu) expect(Number.isInteger(price) && price >= 25, `${name}: ${price}`).toBe(true)
    }
  })

  it.for([
    [1, 1],
    [10, 10],
    [1_000, 1_000],
    [50_000, 4_000],
    [1_000_000, 80_000]
  ] as const)("has guests in proportion to %i orders, at most %i", ([orders, most]) => {
    expect(guestCount(orders)).toBeLessThanOrEqual(most)
    expect(guestCount(orders)).toBeGreaterThanOrEqual(orders * 0.08)
    expect(demoWeek({ orders: 10, seed: 1, endsAt }).references.users.length).toBe(guestCount(10))
  })

  it("names agree in gender: surname, given name and patronymic", () => {
    const random = makeRandom(1, "names")
    for (let i = 0; i < 5_000; i++) {
      const { login, name } = drawGuestName(random)
      expect(name).toMatch(/^[А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё]+$/)
      expect(login).toMatch(/^[a-z]+\.[a-z]+$/)
      const [surname = "", , patronymic = ""] = name.split(" ")
      const isWoman = patronymic.endsWith("на")
      expect(isWoman || patronymic.endsWith("ич"), name).toBe(true)
      expect(surname, name).not.toMatch(isWoman ? /(?:[оеё]в|[иы]н|ий|ой)$/ : /(?:[оеё]ва|[иы]на|ая)$/)
    }
  })

  it("transliterates", () => {
    expect(transliterate("Щукин Фёдор Ильич")).toBe("shchukin fedor ilich")
  })
})

describe("the files", () => {
  it("hold one reference or one order message a line", () => {
    const files = demoFiles(demo)
    const references = [...files["references.jsonl"]]
    expect(references.map((line) => JSON.parse(line))).toEqual([...users, ...restaurants])
    expect([...files["orders.jsonl"]]).toEqual([...demo.messages].map(({ value }) => value))
    for (const line of [...references, ...files["orders.jsonl"]]) expect(line).not.toContain("\n")
  })
})

describe("the orders after the week", () => {
  const at = (index: number) => endsAt + index * 12_000
  const followers = (seed: number) => {
    const { nextOrder } = trickle({ orders: 5_000, seed })
    return Array.from({ length: 2_000 }, (_, index) => nextOrder(at(index)))
  }
  const live = followers(7)

  it("are the same for the same seed, others for another", () => {
    expect(followers(7)).toEqual(live)
    expect(followers(8)).not.toEqual(live)
  })

  it("go on with the week's ids, guests and restaurants", () => {
    const lastOfWeek = Math.max(...[...demo.messages].map(({ objectId }) => objectId))
    expect(live.map(({ objectId }) => objectId - lastOfWeek)).toEqual(live.map((_, index) => index + 1))
    const guests = new Set(users.map(({ _id }) => _id))
    const dishes = new Map(restaurants.map(({ _id, menu }) => [_id, new Set(menu.map((dish) => dish._id))]))
    for (const { value } of live) {
      const { payload } = JSON.parse(value)
      expect(guests).toContain(payload.user.id)
      for (const { id } of payload.order_items) expect(dishes.get(payload.restaurant.id)).toContain(id)
    }
  })

  it("happen now, with their course before it, and are mostly CLOSED", () => {
    for (const [index, { sentAt, value }] of live.entries()) {
      const { payload, sent_dttm } = JSON.parse(value)
      expect(sentAt).toBe(at(index))
      expect(sent_dttm).toBe(utcText(at(index)))
      const times = [sent_dttm, payload.update_ts, ...payload.statuses.map(({ dttm }: { dttm: string }) => dttm)]
      expect(times).toEqual(times.toSorted().reverse())
      expect(Date.parse(`${times.at(-1).replace(" ", "T")}Z`)).toBeGreaterThan(at(index) - 2 * 3_600_000)
    }
    const closed = live.filter(({ status }) => status === "CLOSED").length / live.length
    expect(closed).toBeGreaterThan(0.92)
    expect(closed).toBeLessThan(0.98)
  })
})

describe("chance", () => {
  it("is uniform: every tenth of [0, 1) is hit a tenth of the time", () => {
    const random = makeRandom(1, "test")
    const hits = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 100_000; i++) {
      const tenth = Math.floor(random.next() * 10)
      hits[tenth] = (hits[tenth] ?? 0) + 1
    }
    for (const share of hits) expect(share / 10_000).toBeCloseTo(1, 1)
  })

  it("draws whole numbers with both ends, and permutations with every number once", () => {
    const random = makeRandom(2, "test")
    expect(new Set(Array.from({ length: 1_000 }, () => random.int(-1, 2)))).toEqual(new Set([-1, 0, 1, 2]))
    expect([...permutation(random, 100)].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  it("never draws what weighs nothing, and twice as often what weighs twice as much", () => {
    const random = makeRandom(3, "test")
    const choose = makeWeightedChoice([0, 1, 0, 2, 0])
    const drawn = Array.from({ length: 30_000 }, () => choose(random))
    expect(new Set(drawn)).toEqual(new Set([1, 3]))
    expect(drawn.filter((index) => index === 3).length / 20_000).toBeCloseTo(1, 1)
  })

  it("writes times like the clock does, before 1970 too", () => {
    for (const epochMs of [0, -1_000, 951_782_399_999, 4_102_444_800_000, endsAt + 59_999]) {
      expect(utcText(epochMs)).toBe(new Date(epochMs).toISOString().slice(0, 19).replace("T", " "))
    }
  })
})
