import { categories, dishName, guestName, oddId, restaurantName } from "./oddNames.ts"
import type { Random } from "./Random.ts"
import { type Json, writeJson } from "./writeJson.ts"

export interface MenuItem {
  readonly id: string
  readonly name: string
  readonly category: string
}

/** A restaurant and what of its menu is known when: no dish is on two menus. */
export interface Place {
  readonly id: string
  readonly menu: ReadonlyArray<MenuItem>
  /** Dishes that the menu in Redis lists only later. Empty for most. */
  readonly lateMenu: ReadonlyArray<MenuItem>
}

/** Guests and restaurants by when Redis knows them. */
export interface World {
  readonly guests: ReadonlyArray<string>
  readonly lateGuests: ReadonlyArray<string>
  readonly neverGuests: ReadonlyArray<string>
  readonly places: ReadonlyArray<Place>
  readonly latePlaces: ReadonlyArray<Place>
  /** Places of `places` with a `lateMenu`. */
  readonly placesWithLateDishes: ReadonlyArray<Place>
  /** One of `places`, with 320 dishes. */
  readonly hugePlace: Place
  readonly neverPlaces: ReadonlyArray<string>
  readonly neverDishes: ReadonlyArray<string>
  readonly initialReferences: ReadonlyMap<string, string>
  readonly lateReferences: ReadonlyMap<string, string>
}

const manner = { extras: 0.1, shadows: 0 }
const early = "2023-03-01 10:00:00"
const later = "2023-04-09 12:30:00"

/** `guests`: how many Redis knows from the start. A tenth as many again appear late. */
export const makeWorld = (random: Random, size: { readonly guests: number; readonly places: number }): World => {
  const initialReferences = new Map<string, string>()
  const lateReferences = new Map<string, string>()
  let count = 0
  const ids = (mark: string, many: number) => Array.from({ length: many }, () => oddId(random, mark, count++))

  const guestDocument = (id: string): Json => ({
    _id: id,
    name: guestName(random),
    login: random.pick(["kotova", "o'brien", "用户", "a\\b", ""]) + id.slice(-6),
    update_ts_utc: early
  })
  const placeDocument = (id: string, name: string, menu: ReadonlyArray<MenuItem>, updated: string): Json => ({
    _id: id,
    name,
    menu: menu.map((item) => ({ _id: item.id, name: item.name, price: 100, category: item.category })),
    update_ts_utc: updated
  })
  const write = (document: Json) => writeJson(random, document, manner)

  const guests = ids("a", size.guests)
  const lateGuests = ids("b", Math.max(3, Math.floor(size.guests / 10)))
  const neverGuests = ids("c", 6)
  for (const id of guests) initialReferences.set(id, write(guestDocument(id)))
  for (const id of lateGuests) lateReferences.set(id, write(guestDocument(id)))

  // Documents that are there and say nothing usable, for good or until they are mended.
  const [notJson = "", nameless = "", loginless = "", emptyName = "", list = ""] = neverGuests
  initialReferences.set(notJson, "not json at all")
  initialReferences.set(nameless, JSON.stringify({ _id: nameless, login: "x", update_ts_utc: early }))
  initialReferences.set(loginless, JSON.stringify({ _id: loginless, name: "x", update_ts_utc: early }))
  initialReferences.set(emptyName, JSON.stringify({ _id: emptyName, name: "", login: "x", update_ts_utc: early }))
  initialReferences.set(list, "[]")
  const [mended = ""] = lateGuests
  initialReferences.set(mended, '{"_id": ')

  const makePlace = (many: number, late: number): Place => {
    const [id = ""] = ids("d", 1)
    const dishes = ids("e", many + late).map((dish) => ({
      id: dish,
      name: dishName(random),
      // Few categories a menu, so that two dishes of one category meet in an order.
      category: random.pick(categories)
    }))
    return { id, menu: dishes.slice(0, many), lateMenu: dishes.slice(many) }
  }
  const hugePlace = makePlace(320, 0)
  const placesWithLateDishes = [makePlace(12, 5), makePlace(0, 3)]
  const ordinary = Array.from({ length: size.places }, () => makePlace(8 + random.below(25), 0))
  const places = [hugePlace, ...placesWithLateDishes, ...ordinary]
  const latePlaces = [makePlace(10, 0), makePlace(5, 0)]
  const neverPlaces = ids("f", 3)
  const [, menuless = "", guestInstead = ""] = neverPlaces
  initialReferences.set(menuless, JSON.stringify({ _id: menuless, name: "x", update_ts_utc: early }))
  initialReferences.set(guestInstead, write(guestDocument(guestInstead)))
  const neverDishes = ids("9", 4)

  for (const place of places) {
    const name = restaurantName(random)
    // On every menu, without a category or a name: as good as not there.
    const unusable = [
      { id: neverDishes[0] ?? "", name: "x", category: "" },
      { id: neverDishes[1] ?? "", name: "", category: "x" }
    ]
    initialReferences.set(place.id, write(placeDocument(place.id, name, [...unusable, ...place.menu], early)))
    if (place.lateMenu.length > 0) {
      lateReferences.set(place.id, write(placeDocument(place.id, name, [...place.menu, ...place.lateMenu], later)))
    }
  }
  for (const place of latePlaces) {
    lateReferences.set(place.id, write(placeDocument(place.id, restaurantName(random), place.menu, later)))
  }
  return {
    guests,
    lateGuests,
    neverGuests,
    places,
    latePlaces,
    placesWithLateDishes,
    hugePlace,
    neverPlaces,
    neverDishes,
    initialReferences,
    lateReferences
  }
}
