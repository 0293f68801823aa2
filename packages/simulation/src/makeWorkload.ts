/** What the app sends in a run: orders with all that can happen to them, references, rules, and messages that are none. */
import type { RuleRequest } from "@metka/cdm/rules"
import { brokenKinds, brokenMessage, wholeMessage } from "@metka/testing/messyStream/brokenMessages"
import { orderDocument, oddTimeText, sameTimeText, timeText } from "@metka/testing/messyStream/orderDocument"
import type { Random } from "@metka/testing/messyStream/Random"
import { type Body, linesOf, type Scenario, scenarios } from "@metka/testing/messyStream/scenarios"
import { writeJson } from "@metka/testing/messyStream/writeJson"
import type { Event } from "./Plan.ts"
import { updatedAt } from "./enrichments.ts"
import { type City, guestDocument, makeCity } from "./makeCity.ts"

const minute = 60_000
const hour = 60 * minute
const day = Date.UTC(2025, 11, 1)

const { hugeOrder: _, ...ordinary } = scenarios
type Life = readonly [name: string, Scenario]
const lives: ReadonlyArray<Life> = Object.entries(ordinary)

/** Their versions come by different partitions, where nothing keeps their order. */
const changesOfGuest = lives.filter(([name]) => name.startsWith("guestChanged"))

const manner = { extras: 0.05, shadows: 0 }

/**
 * Within four days. Most orders are placed at midnight, so that several are at one moment, and some just when others
 * leave a window.
 */
const placedAt = (random: Random): number =>
  day + random.below(4) * 24 * hour + (random.chance(0.15) ? random.below(600) * minute : 0)

/** What a time may end in, and be one moment to a window still. */
const withinAMillisecond = ["", "", ".0004", ".000999"]

const timesOf = (random: Random, placed: number, hoursOff: number, step: number, decider: Scenario["decider"]) => {
  const at = placed + step * minute
  return {
    placed,
    date: timeText(placed + hoursOff * hour) + random.pick(withinAMillisecond),
    updateTs: decider === undefined || decider === "update_ts" ? oddTimeText(random, at) : sameTimeText(random, placed),
    sentDttm: decider === "hash" ? sameTimeText(random, placed) : oddTimeText(random, at)
  }
}

const versionsOf = (
  random: Random,
  { allGuests, allPlaces }: Pick<City, "allGuests" | "allPlaces">,
  objectId: number,
  [name, { decider, versions }]: Life
): ReadonlyArray<Event> => {
  const place = random.pick(allPlaces)
  const first: Body = { guest: random.pick(allGuests), place, lines: linesOf(random, place.menu), status: "OPEN" }
  const placed = placedAt(random)
  return versions(random, { guests: allGuests, places: allPlaces, hugePlace: place }, first).map(
    (body, step): Event => ({
      _tag: "Order",
      key: random.chance(0.3) ? null : body.guest,
      value: Buffer.from(
        writeJson(
          random,
          orderDocument(random, objectId, body, timesOf(random, placed, body.hoursOff ?? 0, step, decider)),
          manner
        )
      ),
      says: `order ${objectId}, version ${step + 1} (${name}): ${body.status}, ${body.guest}, ${body.place.id}, ${body.lines.map(({ item }) => item.id).join(" ")}`
    })
  )
}

const amongTheKnown = (random: Random, city: City, objectId: number): ReadonlyArray<Event> =>
  versionsOf(random, city, objectId, random.pick(random.chance(0.3) ? changesOfGuest : lives))

const passedOn: Life = [
  "passedOn",
  { versions: (_random, { guests }, first) => guests.map((guest) => ({ ...first, guest, status: "CLOSED" })) }
]

/** As long as it takes until a parked order is tried again, or not quite. */
const lull = (random: Random): Event => ({ _tag: "Lull", millis: 1_000 * (1 + random.below(6)) })

/**
 * An order that one newcomer passes on to another, while what Redis knows of them trails behind: its last version begins
 * to wait just when the one before it has found its guest and is let go. Without lulls all would be said before the
 * first retry; a third version would repair what was done to the second.
 */
const amongNewcomers = (random: Random, { allPlaces }: City, objectId: number): ReadonlyArray<Event> => {
  const newcomers = ["from", "to"].map((side) => guestDocument(`newcomer-${objectId}-${side}`))
  const allGuests = newcomers.map(({ id }) => id)
  const told = versionsOf(random, { allGuests, allPlaces }, objectId, passedOn).flatMap(
    (version, step): ReadonlyArray<Event> => {
      const document = newcomers[step]
      return document === undefined ? [version] : [version, { _tag: "Reference", ...document }]
    }
  )
  return told.flatMap((event, index) => (index === 0 ? [event] : [lull(random), event]))
}

const poison = (random: Random, city: City, objectId: number): Event => {
  const late = timeText(Date.UTC(2099, 0, 1))
  const place = random.pick(city.allPlaces)
  const body: Body = { guest: random.pick(city.allGuests), place, lines: linesOf(random, place.menu), status: "BROKEN" }
  const times = { placed: day, date: timeText(day), sentDttm: late, updateTs: late }
  const kind = random.pick(brokenKinds)
  return {
    _tag: "Poison",
    key: random.chance(0.3) ? null : body.guest,
    value: brokenMessage(kind, wholeMessage(orderDocument(random, objectId, body, times))),
    says: `a broken message: ${kind}`
  }
}

const someRule = (random: Random, city: City, tag: string): RuleRequest => {
  const rule = { tag, category: random.pick(city.categories), threshold: random.below(3) }
  if (random.chance(0.5)) return rule
  return { ...rule, window: { days: 1 + random.below(2), exitThreshold: random.below(rule.threshold + 1) } }
}

const someRules = (random: Random, city: City): ReadonlyArray<RuleRequest> =>
  ["first", "second", "third"].filter(() => random.chance(0.8)).map((tag) => someRule(random, city, tag))

/** The events in an order that is nearly theirs, or in none. */
const stirred = <A>(random: Random, items: ReadonlyArray<A>): ReadonlyArray<A> => {
  const disorder = random.pick([2, 6, 1_000])
  return items
    .map((item, index) => ({ item, at: index + random.next() * disorder }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

/** The events of each sequence come one after the other, in the places that any of them has among the others. */
const inSequence = (
  events: ReadonlyArray<Event>,
  sequences: ReadonlyArray<ReadonlyArray<Event>>
): ReadonlyArray<Event> => {
  const rest = new Map(
    sequences.flatMap((sequence) => {
      const inOrder = sequence.values()
      return sequence.map((event) => [event, inOrder] as const)
    })
  )
  return events.map((event) => rest.get(event)?.next().value ?? event)
}

/** Of two documents of one id the older one comes first: the app's loader does not go back. */
const referencesInOrder = (events: ReadonlyArray<Event>): ReadonlyArray<Event> => {
  const references = events.filter((event) => event._tag === "Reference")
  const byAge = Map.groupBy(
    references.sort((a, b) => (updatedAt(a.json) < updatedAt(b.json) ? -1 : 1)),
    ({ id }) => id
  )
  return inSequence(events, [...byAge.values()])
}

const sometimesTwice = (random: Random, events: ReadonlyArray<Event>): ReadonlyArray<Event> =>
  events.flatMap((event) => (random.chance(0.15) ? [event, event] : [event]))

/** Nearly all orders are the first guest's. */
const ofOneGuest = (city: City): City => ({
  ...city,
  allGuests: [...city.allGuests, ...Array.from({ length: 12 }, () => city.allGuests[0] ?? "")]
})

export const makeWorkload = (random: Random) => {
  const everybody = makeCity(random)
  // Enough orders of one guest that they leave a window and come into it again.
  const hasRegular = random.chance(0.12)
  const city = hasRegular ? ofOneGuest(everybody) : everybody
  const orders = (hasRegular ? 10 : 2) + random.below(4)
  const messages: Array<Event> = []
  const sequences: Array<ReadonlyArray<Event>> = []
  for (let objectId = 1; objectId <= orders; objectId++) {
    const isAmongNewcomers = random.chance(0.08)
    const orderAmong = isAmongNewcomers ? amongNewcomers : amongTheKnown
    const events = sometimesTwice(random, orderAmong(random, city, objectId))
    messages.push(...events)
    if (isAmongNewcomers) sequences.push(events)
  }
  if (random.chance(0.4)) messages.push(poison(random, city, 1 + random.below(orders)))
  for (const { id, json } of city.laterReferences) messages.push({ _tag: "Reference", id, json })
  const rules = Array.from({ length: random.below(3) }, (): Event => ({
    _tag: "Rules",
    rules: someRules(random, city)
  }))
  const first: Event = { _tag: "Rules", rules: someRules(random, city) }
  return {
    references: city.references,
    events: [first, ...referencesInOrder(inSequence(stirred(random, [...messages, ...rules]), sequences))]
  }
}
