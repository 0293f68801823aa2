/**
 * Every order in which the messages of one order can arrive. It has two guests, of whom one is known late, and goes
 * through two partitions; whatever the order of arrival, what the system holds in the end must be the same.
 */
import { orderDocument, timeText } from "@metka/testing/messyStream/orderDocument"
import { seededRandom } from "@metka/testing/messyStream/Random"
import type { Body } from "@metka/testing/messyStream/scenarios"
import { writeJson } from "@metka/testing/messyStream/writeJson"
import type { MenuItem } from "@metka/testing/messyStream/world"
import type { DatabaseState } from "@metka/testing/oracle/actual"
import { guestDocument, placeDocument } from "./makeCity.ts"
import type { Event, Plan } from "./Plan.ts"

const day = Date.UTC(2025, 11, 1)
const minute = 60_000
const menu: ReadonlyArray<MenuItem> = [
  { id: "dish-0", name: "Borscht", category: "Soups" },
  { id: "dish-1", name: "Solyanka", category: "Soups" },
  { id: "dish-2", name: "Honey cake", category: "Sweets" }
]
const place = { id: "place-0", menu }
const known = [guestDocument("guest-0"), placeDocument(place.id, menu)]
const knownLate = guestDocument("guest-1")

/** What the order says, version by version. */
const history: ReadonlyArray<Pick<Body, "guest" | "status"> & { readonly dishes: number }> = [
  { guest: "guest-0", status: "OPEN", dishes: 1 },
  { guest: "guest-0", status: "CLOSED", dishes: 2 },
  { guest: "guest-0", status: "CANCELLED", dishes: 2 },
  { guest: "guest-1", status: "CLOSED", dishes: 3 },
  { guest: "guest-0", status: "CLOSED", dishes: 3 },
  { guest: "guest-1", status: "CLOSED", dishes: 2 }
]

const messages = history.map(({ dishes, guest, status }, version): Event => {
  const random = seededRandom(version)
  const lines = menu.slice(0, dishes).map((item) => ({ item, price: 100, quantity: 1 }))
  const body: Body = { guest, status, place, lines }
  const at = timeText(day + version * minute)
  const document = orderDocument(random, 1, body, { placed: day, date: at, updateTs: at, sentDttm: at })
  return {
    _tag: "Order",
    key: guest,
    value: Buffer.from(writeJson(random, document, { extras: 0, shadows: 0 })),
    says: `version ${version + 1}: ${status}, ${guest}, ${dishes} dishes`
  }
})

export const permutationCount = 720

/** The items in the `index`th of all their orders (Lehmer code). */
export const permuted = <A>(items: ReadonlyArray<A>, index: number): ReadonlyArray<A> => {
  const rest = [...items]
  let left = index
  return items.map((_, position) => {
    const choices = items.length - position
    const [item] = rest.splice(left % choices, 1)
    left = Math.floor(left / choices)
    if (item === undefined) throw new RangeError("no such permutation")
    return item
  })
}

/** The late guest becomes known after none, one, … or all of the messages, as the index goes round. */
export const permutationPlan = (index: number): Plan => {
  const events: Array<Event> = [...permuted(messages, index)]
  events.splice(index % (messages.length + 1), 0, { _tag: "Reference", ...knownLate })
  const rules: Event = { _tag: "Rules", rules: [{ tag: "soups", category: "Soups", threshold: 0 }] }
  return {
    seed: index,
    partitions: 2,
    batchRecords: 1 + (index % 3),
    replicas: { stg: 2, dds: 2, cdm: 2 },
    references: new Map(known.map(({ id, json }) => [id, json])),
    events: [rules, ...events],
    faults: [],
    faultySteps: 0
  }
}

/** What must be the same. Hubs and links of superseded versions may be there or not, by the order of arrival. */
export const presentState = (state: DatabaseState) => {
  const { orderCost, orderDishes, orderDishLines, orderParties, orderStatus, orders } = state.vault
  const { deadLetters, parked, stgOrderEvents, userCategoryCounters, userProductCounters, userTags } = state
  return {
    vault: { orderCost, orderDishes, orderDishLines, orderParties, orderStatus, orders },
    deadLetters,
    parked,
    stgOrderEvents,
    userCategoryCounters,
    userProductCounters,
    userTags
  }
}
