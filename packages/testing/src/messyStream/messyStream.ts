/**
 * A source at its worst: orders whose versions come in any order and more than once, in every way to write JSON, of
 * guests, restaurants and dishes known at once, later or never, between messages that are not orders at all.
 * The same seed gives the same stream.
 */
import type { TagRule } from "../oracle/expectedTags.ts"
import { brokenKinds, brokenMessage, wholeMessage } from "./brokenMessages.ts"
import { categories } from "./oddNames.ts"
import { oddTimeText, orderDocument, sameTimeText, timeText } from "./orderDocument.ts"
import { type Random, seededRandom, shuffled } from "./Random.ts"
import { type Body, lineOf, linesOf, type Scenario, scenarioNames, scenarios } from "./scenarios.ts"
import { makeWorld, type Place, type World } from "./world.ts"
import { writeJson } from "./writeJson.ts"

/** Shares from 0 to 1. */
export interface Proportions {
  /** Of messages, those delivered again, byte for byte, once or twice. */
  readonly duplicates: number
  /** Broken messages per order; the kinds of `brokenKinds` take turns. */
  readonly broken: number
  /** Of messages, those without a key. */
  readonly nullKeys: number
  /** Of JSON objects, those with a member nobody knows. */
  readonly extras: number
  /** Of JSON members, those that a wrong one of the same name precedes. */
  readonly shadows: number
  /** Of orders, those that need a guest, restaurant or dish of `lateReferences`. */
  readonly late: number
  /** Of orders, those that need a guest, restaurant or dish of `neverReferences`, in every one of their versions. */
  readonly never: number
  /** Of orders, those of 300 dishes; one at the least. */
  readonly huge: number
}

const defaultProportions: Proportions = {
  duplicates: 0.1,
  broken: 0.07,
  nullKeys: 0.2,
  extras: 0.1,
  shadows: 0.02,
  late: 0.08,
  never: 0.03,
  huge: 0.001
}

export interface OutgoingMessage {
  /** The user's id, another text, or none: STG must not care. */
  readonly key: string | null
  readonly value: Uint8Array
}

export interface MessyStream {
  /** In the order to send them; any other leads to the same state. */
  readonly deliveries: ReadonlyArray<OutgoingMessage>
  /** Redis at first: key to value, unusable documents among them. */
  readonly initialReferences: ReadonlyMap<string, string>
  /** Later in Redis: new documents, and some of `initialReferences` mended or with a longer menu. No new names. */
  readonly lateReferences: ReadonlyMap<string, string>
  /** Ids that orders name and Redis never knows, though it may have a useless document of that key. */
  readonly neverReferences: {
    readonly guests: ReadonlyArray<string>
    readonly restaurants: ReadonlyArray<string>
    readonly dishes: ReadonlyArray<string>
  }
  /** With windows and without; one of a category that no dish has. */
  readonly rules: ReadonlyArray<TagRule>
  /** How many orders lead which life, and how many messages are broken how. */
  readonly census: ReadonlyMap<string, number>
}

export { brokenKinds } from "./brokenMessages.ts"
export { shuffle } from "./Random.ts"

/** Redis in the end. */
export const finalReferences = (
  stream: Pick<MessyStream, "initialReferences" | "lateReferences">
): ReadonlyMap<string, string> => new Map([...stream.initialReferences, ...stream.lateReferences])

const week = Date.UTC(2023, 3, 1)
const minute = 60_000

/** Some at noon or midnight: several orders of a guest at one moment, or at both ends of a window. */
const placedAt = (random: Random): number =>
  random.chance(0.2) ? week + random.below(14) * 12 * 60 * minute : week + random.below(7 * 24 * 60 * 60) * 1000

type Fate = "known" | "late" | "never"

const firstBody = (random: Random, world: World, fate: Fate): Body => {
  const body = (guest: string, place: Place, menu = place.menu): Body => ({
    guest,
    place,
    lines: linesOf(random, menu),
    status: "OPEN"
  })
  const guest = random.pick(world.guests)
  if (fate !== "late") return body(guest, random.pick(world.places.filter(({ menu }) => menu.length > 0)))
  const kind = random.below(3)
  if (kind === 0) return body(random.pick(world.lateGuests), random.pick(world.places))
  if (kind === 1) return body(guest, random.pick(world.latePlaces))
  const place = random.pick(world.placesWithLateDishes)
  return body(guest, place, [...place.menu, ...place.lateMenu])
}

/** The body with something in it that Redis will never know. */
const spoilt = (random: Random, world: World, body: Body): Body => {
  const kind = random.below(4)
  const dish = { id: random.pick(world.neverDishes), name: "?", category: "?" }
  const withDish = { ...body, lines: [...body.lines, lineOf(random, dish)] }
  const withGuest = { ...body, guest: random.pick(world.neverGuests) }
  const withPlace = { ...body, place: { ...body.place, id: random.pick(world.neverPlaces) } }
  if (kind === 0) return withGuest
  if (kind === 1) return withPlace
  return kind === 2 ? withDish : { ...withDish, guest: withGuest.guest }
}

const keyOf = (random: Random, proportions: Proportions, guest: string) => {
  if (random.chance(proportions.nullKeys)) return null
  return random.chance(0.9) ? guest : random.pick(["", "other", "ключ", String(random.below(1000))])
}

/** The version's times; `step` counts the versions of the order from its oldest. */
const versionTimes = (random: Random, placed: number, hoursOff: number, step: number, decider: Scenario["decider"]) => {
  const settled = placed + 90 * minute
  const at = placed + step * 17 * minute
  return {
    placed,
    date: oddTimeText(random, placed + hoursOff * 60 * minute),
    updateTs:
      decider === undefined || decider === "update_ts" ? oddTimeText(random, at) : sameTimeText(random, settled),
    sentDttm:
      decider === "hash"
        ? sameTimeText(random, settled + minute)
        : // Where `update_ts` decides, the newer version may well have been sent earlier.
          oddTimeText(random, decider === "sent_dttm" ? at : settled + random.below(600) * minute)
  }
}

/** Short enough that within the week of the orders each guest's have time to leave them. */
const windows = [
  { days: 1, threshold: 0, exitThreshold: 0 },
  { days: 2, threshold: 1, exitThreshold: 0 },
  { days: 3, threshold: 1, exitThreshold: 0 },
  { days: 3, threshold: 2, exitThreshold: 0 },
  { days: 2, threshold: 1, exitThreshold: 1 },
  { days: 3, threshold: 1, exitThreshold: 1 }
]

const rules: ReadonlyArray<TagRule> = [
  ...[0, 1, 2, 3, 5, 10].map((threshold, index) => ({
    tag: `тег ${index} "${"🙂".repeat(index)}"`,
    category: categories[index] ?? "",
    threshold
  })),
  { tag: "second tag of a category", category: categories[0] ?? "", threshold: 4 },
  { tag: "composed", category: "Caf\u00e9", threshold: 1 },
  { tag: "decomposed", category: "Cafe\u0301", threshold: 1 },
  { tag: "nobody", category: "no dish has this category", threshold: 0 },
  ...windows.map(({ days, exitThreshold, threshold }, index) => ({
    tag: `${threshold + 1} in ${days} days, until ${exitThreshold}`,
    category: categories[index % 3] ?? "",
    threshold,
    window: { days, exitThreshold }
  }))
]

/**
 * `orders` orders (2,000) and about two and a half times as many messages. From some 25 orders on every scenario
 * occurs, and every kind of broken message from as many on as there are kinds, divided by the share.
 */
export const messyStream = (seed: number, orders = 2000, shares: Partial<Proportions> = {}): MessyStream => {
  const proportions = { ...defaultProportions, ...shares }
  const random = seededRandom(seed)
  const world = makeWorld(random, {
    guests: Math.max(20, Math.floor(orders / 10)),
    places: Math.max(8, Math.min(60, Math.floor(orders / 50)))
  })
  const census = new Map<string, number>()
  const count = (name: string) => census.set(name, (census.get(name) ?? 0) + 1)
  const messages: Array<OutgoingMessage> = []
  const ordinary = scenarioNames.filter((name) => name !== "hugeOrder")
  const hugeOrders = Math.max(1, Math.round(orders * proportions.huge))

  for (let index = 0; index < orders; index++) {
    // The largest id there can be, the smallest, and else what the app counts.
    const objectId = index === 0 ? Number.MAX_SAFE_INTEGER : index === 1 ? 1 : 300_000 + index * 7
    const name = index < hugeOrders ? "hugeOrder" : (ordinary[index % ordinary.length] ?? "closedAtOnce")
    const scenario: Scenario = scenarios[name]
    const chance = random.next()
    const fate: Fate =
      index < hugeOrders || chance >= proportions.late + proportions.never
        ? "known"
        : chance < proportions.late
          ? "late"
          : "never"
    const placed = placedAt(random)
    count(name)
    count(fate)
    const versions = scenario.versions(random, world, firstBody(random, world, fate))
    for (const [step, version] of versions.entries()) {
      const body = fate === "never" ? spoilt(random, world, version) : version
      const times = versionTimes(random, placed, body.hoursOff ?? 0, step, scenario.decider)
      const document = orderDocument(random, objectId, body, times)
      const message = {
        key: keyOf(random, proportions, body.guest),
        value: Buffer.from(writeJson(random, document, proportions))
      }
      const sendings = random.chance(proportions.duplicates) ? 2 + random.below(2) : 1
      // A duplicate has the bytes, not always the key.
      for (let time = 0; time < sendings; time++) {
        messages.push(time === 0 ? message : { ...message, key: keyOf(random, proportions, body.guest) })
      }
    }
    const everBroken = Math.floor((index + 1) * proportions.broken) > Math.floor(index * proportions.broken)
    if (everBroken) {
      const kind = brokenKinds[Math.floor(index * proportions.broken) % brokenKinds.length] ?? "noBytes"
      count(kind)
      const late = timeText(Date.UTC(2099, 0, 1))
      const body = firstBody(random, world, "known")
      const document = orderDocument(
        random,
        objectId,
        { ...body, status: "BROKEN" },
        {
          placed,
          date: timeText(placed),
          sentDttm: late,
          updateTs: late
        }
      )
      const value = brokenMessage(kind, wholeMessage(document))
      messages.push({ key: keyOf(random, proportions, body.guest), value })
    }
  }
  return {
    deliveries: shuffled(random, messages),
    initialReferences: world.initialReferences,
    lateReferences: world.lateReferences,
    neverReferences: { guests: world.neverGuests, restaurants: world.neverPlaces, dishes: world.neverDishes },
    rules,
    census
  }
}
