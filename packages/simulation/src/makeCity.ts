/** Guests and restaurants of a run, few enough to meet again and again. */
import type { Random } from "@metka/testing/messyStream/Random"
import type { MenuItem, Place } from "@metka/testing/messyStream/world"

export interface City {
  readonly allGuests: ReadonlyArray<string>
  readonly allPlaces: ReadonlyArray<Place>
  readonly categories: ReadonlyArray<string>
  /** In Redis from the start. */
  readonly references: ReadonlyMap<string, string>
  /** In Redis later; none renames anything. */
  readonly lateReferences: ReadonlyArray<readonly [id: string, json: string]>
}

const early = "2025-11-01 08:00:00"
const later = "2025-12-01 12:00:00"

const guestDocument = (id: string) =>
  JSON.stringify({ _id: id, name: `Guest ${id}`, login: `login-${id}`, update_ts_utc: early })

const placeDocument = (id: string, menu: ReadonlyArray<MenuItem>, updated: string) =>
  JSON.stringify({
    _id: id,
    name: `Place ${id}`,
    menu: menu.map((item) => ({ _id: item.id, name: item.name, price: 100, category: item.category })),
    update_ts_utc: updated
  })

export const makeCity = (random: Random): City => {
  const categories = ["Soups", "Sweets", "Drinks"].slice(0, 2 + random.below(2))
  const references = new Map<string, string>()
  const lateReferences: Array<readonly [string, string]> = []

  const allGuests = Array.from({ length: 2 + random.below(2) }, (_, index) => `guest-${index}`)
  for (const [index, id] of allGuests.entries()) {
    if (index > 0 && random.chance(0.25)) lateReferences.push([id, guestDocument(id)])
    else references.set(id, guestDocument(id))
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
    if (!isLate) references.set(id, placeDocument(id, lacksDish ? menu.slice(1) : menu, early))
    if (isLate || lacksDish) lateReferences.push([id, placeDocument(id, menu, later)])
    return { id, menu, lateMenu: [] }
  })
  return { allGuests, allPlaces, categories, references, lateReferences }
}
