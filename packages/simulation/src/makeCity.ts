/** Guests and restaurants of a run, few enough to meet again and again. */
import type { Random } from "@metka/testing/messyStream/Random"
import type { MenuItem, Place } from "@metka/testing/messyStream/world"

export interface City {
  readonly allGuests: ReadonlyArray<string>
  readonly allPlaces: ReadonlyArray<Place>
  readonly categories: ReadonlyArray<string>
  /** In Redis from the start. */
  readonly references: ReadonlyMap<string, string>
  /** In Redis later; of one id the older one first. */
  readonly laterReferences: ReadonlyArray<{ readonly id: string; readonly json: string }>
}

const [early, later, latest] = ["2025-11-01 08:00:00", "2025-12-01 12:00:00", "2025-12-02 12:00:00"]

/** What Redis says of a guest. */
export const guestDocument = (id: string, updated = early, mark = "") => ({
  id,
  json: JSON.stringify({ _id: id, name: `Guest ${id}${mark}`, login: `login-${id}${mark}`, update_ts_utc: updated })
})

/** What Redis says of a restaurant. */
export const placeDocument = (id: string, menu: ReadonlyArray<MenuItem>, updated = early, mark = "") => ({
  id,
  json: JSON.stringify({
    _id: id,
    name: `Place ${id}${mark}`,
    menu: menu.map((item) => ({ _id: item.id, name: `${item.name}${mark}`, price: 100, category: item.category })),
    update_ts_utc: updated
  })
})

/** Names that change carry a mark, so that no name comes twice. */
const newMark = ", renamed"

export const makeCity = (random: Random): City => {
  const categories = ["Soups", "Sweets", "Drinks"].slice(0, 2 + random.below(2))
  const references = new Map<string, string>()
  const laterReferences: Array<{ readonly id: string; readonly json: string }> = []

  const allGuests = Array.from({ length: 2 + random.below(2) }, (_, index) => `guest-${index}`)
  for (const [index, id] of allGuests.entries()) {
    const first = guestDocument(id)
    if (index > 0 && random.chance(0.25)) laterReferences.push(first)
    else references.set(id, first.json)
    if (random.chance(0.2)) laterReferences.push(guestDocument(id, latest, newMark))
  }

  const allPlaces = Array.from({ length: 1 + random.below(2) }, (_, index): Place => {
    const id = `place-${index}`
    const menu = Array.from({ length: 3 }, (_, dish) => ({
      id: `dish-${index}${dish}`,
      name: `Dish ${index}${dish}`,
      category: random.pick(categories)
    }))
    const isLate = random.chance(0.15)
    const lacksDish = !isLate && random.chance(0.25)
    if (!isLate) references.set(id, placeDocument(id, lacksDish ? menu.slice(1) : menu).json)
    if (isLate || lacksDish) laterReferences.push(placeDocument(id, menu, later))
    if (random.chance(0.3)) {
      const moved = menu.map((item) => (random.chance(0.3) ? { ...item, category: random.pick(categories) } : item))
      laterReferences.push(placeDocument(id, moved, latest, newMark))
    }
    return { id, menu, lateMenu: [] }
  })
  return { allGuests, allPlaces, categories, references, laterReferences }
}
