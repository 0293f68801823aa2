/**
 * The people and places of the demo: restaurants with their menus, guests with their tastes. It depends on the seed and
 * the number of orders alone and knows no time, so that the week and the orders after it happen in the same world.
 */
import { drawGuestName } from "./guestNames.ts"
import { menusOfTheEast } from "./menusOfTheEast.ts"
import { menusOfTheHouse } from "./menusOfTheHouse.ts"
import { menusOfTheWest } from "./menusOfTheWest.ts"
import { makeObjectIds } from "./objectIds.ts"
import type { Random } from "./Random.ts"
import { makeRandom, permutation } from "./Random.ts"
import type { WeightedChoice } from "./weightedChoice.ts"
import { makeWeightedChoice, zipfWeight } from "./weightedChoice.ts"

export interface DemoDish {
  readonly id: string
  readonly name: string
  /** Whole roubles. */
  readonly price: number
  readonly category: string
  /** An index of `DemoWorld.categories`. */
  readonly categoryIndex: number
}

export interface DemoRestaurant {
  readonly id: string
  readonly name: string
  readonly menu: ReadonlyArray<DemoDish>
  /** How long before the week its menu was last changed, in seconds. */
  readonly updatedSecondsBefore: number
}

export interface DemoGuest {
  readonly id: string
  readonly name: string
  readonly login: string
  /** How long before the week the profile was last changed, in seconds. */
  readonly updatedSecondsBefore: number
  /** Restaurants by index, the dearest first. */
  readonly favourites: ReadonlyArray<number>
  /** Categories by index that the guest looks for first, the dearest first. */
  readonly loves: ReadonlyArray<number>
  /** Sets the guest's liking for each single dish. */
  readonly taste: number
}

export interface DemoWorld {
  readonly categories: ReadonlyArray<string>
  readonly restaurants: ReadonlyArray<DemoRestaurant>
  readonly guests: ReadonlyArray<DemoGuest>
  /** Draws a guest by index: few order much, many order little. */
  readonly chooseGuest: WeightedChoice
  /** Draws a restaurant by index, by popularity. */
  readonly chooseRestaurant: WeightedChoice
}

const plans = [...menusOfTheHouse, ...menusOfTheEast, ...menusOfTheWest]
const categories = [...new Set(plans.flatMap((plan) => Object.keys(plan.menu)))]

const day = 86_400

/** How much a category is loved for its own sake: many have a sweet tooth, nobody orders for the sauce. */
const appeal: Readonly<Record<string, number>> = {
  Горячее: 8,
  Супы: 5,
  Десерты: 6,
  Пицца: 8,
  Роллы: 8,
  Бургеры: 7,
  Кофе: 8,
  Завтраки: 6,
  Выпечка: 5,
  Салаты: 5,
  "Лапша и рис": 6,
  Паста: 6,
  Закуски: 3,
  Напитки: 3,
  Гарниры: 1,
  Соусы: 0.5
}

/**
 * 4,000 guests for the default week of 50,000 orders. A larger week has more guests in proportion; a smaller one loses
 * them more slowly, or a week of ten orders would have a single guest.
 */
export const guestCount = (orders: number): number => {
  const share = orders / 50_000
  return Math.max(1, Math.round(4_000 * (share > 1 ? share : share ** 0.75)))
}

const makeRestaurants = (seed: number): ReadonlyArray<DemoRestaurant> => {
  const random = makeRandom(seed, "restaurants")
  const restaurantId = makeObjectIds(random)
  const dishId = makeObjectIds(random)
  return plans.map((plan) => ({
    id: restaurantId(),
    name: plan.name,
    updatedSecondsBefore: random.int(1, 60 * day),
    menu: Object.entries(plan.menu).flatMap(([category, dishes]) =>
      Object.entries(dishes).map(([name, price]) => ({
        id: dishId(),
        name,
        price,
        category,
        categoryIndex: categories.indexOf(category)
      }))
    )
  }))
}

const drawDistinct = (random: Random, choice: WeightedChoice, count: number): ReadonlyArray<number> => {
  const drawn = new Set<number>()
  while (drawn.size < count) drawn.add(choice(random))
  return [...drawn]
}

const makeGuests = (seed: number, count: number, chooseRestaurant: WeightedChoice): ReadonlyArray<DemoGuest> => {
  const random = makeRandom(seed, "guests")
  const guestId = makeObjectIds(random)
  const chooseCategory = makeWeightedChoice(categories.map((category) => appeal[category] ?? 1))
  const namesakes = new Map<string, number>()
  return Array.from({ length: count }, () => {
    const { login, name } = drawGuestName(random)
    const namesake = (namesakes.get(login) ?? 0) + 1
    namesakes.set(login, namesake)
    return {
      id: guestId(),
      name,
      login: namesake === 1 ? login : `${login}${namesake}`,
      updatedSecondsBefore: random.int(1, 700 * day),
      favourites: drawDistinct(random, chooseRestaurant, random.int(2, 4)),
      loves: drawDistinct(random, chooseCategory, random.int(1, 3)),
      taste: random.int(0, 0xffff_ffff)
    }
  })
}

/** Few guests order much: the first tenth of them place about 45 % of the orders. */
const makeChooseGuest = (seed: number, count: number): WeightedChoice => {
  // Ranks are dealt anew, or the order of the ids would tell who orders most.
  const ranks = permutation(makeRandom(seed, "activity"), count)
  return makeWeightedChoice(Float64Array.from(ranks, (rank) => zipfWeight(rank, 1.1, 0.0375 * count)))
}

/**
 * Makes the world of a week.
 * @param orders how many orders the week has; sets the number of guests
 */
export const makeDemoWorld = ({ orders, seed }: { readonly orders: number; readonly seed: number }): DemoWorld => {
  const chooseRestaurant = makeWeightedChoice(plans.map((plan) => plan.popularity))
  const count = guestCount(orders)
  return {
    categories,
    restaurants: makeRestaurants(seed),
    guests: makeGuests(seed, count, chooseRestaurant),
    chooseGuest: makeChooseGuest(seed, count),
    chooseRestaurant
  }
}
