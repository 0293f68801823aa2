import type { Random } from "./Random.ts"
import type { MenuItem, Place, World } from "./world.ts"

export interface Line {
  readonly item: MenuItem
  readonly price: number
  readonly quantity: number
}

/** What one version of an order says, apart from its times. */
export interface Body {
  readonly guest: string
  readonly place: Pick<Place, "id" | "menu">
  readonly lines: ReadonlyArray<Line>
  readonly status: string
  /** By how much the order's date is another than when it was placed. */
  readonly hoursOff?: number
}

/** What decides which version is the newest: `update_ts`, or when these are equal `sent_dttm`, or the hash. */
export type Decider = "update_ts" | "sent_dttm" | "hash"

/** Whom an order may go to when it changes. */
export type Choices = Pick<World, "guests" | "places" | "hugePlace">

export interface Scenario {
  /** The versions of an order after its first, oldest first; where the hash decides, no order is meant. */
  readonly versions: (random: Random, world: Choices, first: Body) => ReadonlyArray<Body>
  readonly decider?: Decider
}

const prices = [0, 60, 99.5, 120, 175, 180, 19.99, 875, 1250.25]
const quantities = [1, 1, 1, 2, 3, 5, 0.5]

export const lineOf = (random: Random, item: MenuItem): Line => ({
  item,
  price: random.pick(prices),
  quantity: random.pick(quantities)
})

/** Some dishes of a menu; none when it is empty. */
export const linesOf = (random: Random, menu: ReadonlyArray<MenuItem>): ReadonlyArray<Line> =>
  menu.length === 0 ? [] : Array.from({ length: 1 + random.below(4) }, () => lineOf(random, random.pick(menu)))

const closed = (body: Body): Body => ({ ...body, status: "CLOSED" })
const open = (body: Body): Body => ({ ...body, status: "OPEN" })
const cancelled = (body: Body): Body => ({ ...body, status: "CANCELLED" })

/** Not one of these is `CLOSED`. */
const oddStatuses = ["closed", "Closed", "CLOSED ", " CLOSED", "ЗАКРЫТ", "CLOSED\n", "С\u004cOSED", "🚚", "0", "null"]

const twoOfACategory = (random: Random, body: Body): Body => {
  const first = body.place.menu[0]
  const same = body.place.menu.filter((item) => item.category === first?.category)
  return { ...body, lines: same.slice(0, 3).map((item) => lineOf(random, item)) }
}

/** The lives that an order can lead, by name. */
export const scenarios = {
  closedAtOnce: { versions: (_random, _world, first) => [closed(first)] },
  stepByStep: {
    versions: (_random, _world, first) =>
      ["OPEN", "COOKING", "DELIVERING", "CLOSED"].map((status) => ({ ...first, status }))
  },
  cancelledAfterClosing: { versions: (_random, _world, first) => [open(first), closed(first), cancelled(first)] },
  reopenedAndLeftOpen: { versions: (_random, _world, first) => [closed(first), open(first)] },
  reopenedAndClosed: {
    versions: (_random, _world, first) => [closed(first), cancelled(first), closed(first)]
  },
  dishRemoved: {
    versions: (random, _world, first) => {
      const lines = [...first.lines, ...linesOf(random, first.place.menu)]
      return [closed({ ...first, lines }), closed({ ...first, lines: lines.slice(0, -1) })]
    }
  },
  dishesReplaced: {
    versions: (random, _world, first) => [closed(first), closed({ ...first, lines: linesOf(random, first.place.menu) })]
  },
  emptied: { versions: (_random, _world, first) => [closed(first), closed({ ...first, lines: [] })] },
  bornEmpty: { versions: (_random, _world, first) => [closed({ ...first, lines: [] })] },
  guestChanged: {
    versions: (random, world, first) => [closed(first), closed({ ...first, guest: random.pick(world.guests) })]
  },
  guestChangedAndBack: {
    versions: (random, world, first) => [
      closed(first),
      closed({ ...first, guest: random.pick(world.guests) }),
      closed(first)
    ]
  },
  restaurantChanged: {
    versions: (random, world, first) => {
      const place = random.pick(world.places)
      return [closed(first), closed({ ...first, place, lines: linesOf(random, place.menu) })]
    }
  },
  twoDishesOfOneCategory: { versions: (random, _world, first) => [closed(twoOfACategory(random, first))] },
  sameDishTwice: {
    versions: (_random, _world, first) => [closed({ ...first, lines: [...first.lines, ...first.lines] })]
  },
  pricesCorrected: {
    versions: (random, _world, first) => [
      closed(first),
      closed({ ...first, lines: first.lines.map(({ item }) => lineOf(random, item)) })
    ]
  },
  /** No counter changes, but where the order is among the others of its guest. */
  dateCorrected: {
    versions: (random, _world, first) => [
      closed(first),
      closed({ ...first, hoursOff: random.pick([-48, -12, 12, 48]) })
    ]
  },
  oddStatus: { versions: (random, _world, first) => [closed(first), { ...first, status: random.pick(oddStatuses) }] },
  sentDecides: { versions: (_random, _world, first) => [open(first), closed(first)], decider: "sent_dttm" },
  sentDecidesAgainst: {
    versions: (_random, _world, first) => [closed(first), cancelled(first)],
    decider: "sent_dttm"
  },
  hashDecides: {
    versions: (_random, _world, first) => [closed(first), cancelled(first), open(first)],
    decider: "hash"
  },
  hugeOrder: {
    versions: (random, world, first) => {
      const lines = world.hugePlace.menu.slice(0, 300).map((item) => lineOf(random, item))
      return [closed({ ...first, place: world.hugePlace, lines })]
    }
  }
} as const satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

const isScenario = (name: string): name is ScenarioName => name in scenarios

export const scenarioNames: ReadonlyArray<ScenarioName> = Object.keys(scenarios).filter(isScenario)
