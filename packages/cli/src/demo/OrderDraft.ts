/** What an order is about before anything has happened to it: who orders what, where, and what it costs. */
import type { Random } from "./Random.ts"
import { mix } from "./Random.ts"
import type { DemoDish, DemoGuest, DemoRestaurant, DemoWorld } from "./World.ts"

export interface OrderItem {
  readonly id: string
  readonly name: string
  readonly price: number
  readonly quantity: number
}

export interface OrderDraft {
  readonly objectId: number
  readonly restaurantId: string
  readonly userId: string
  /** One to six different dishes of the restaurant's menu. */
  readonly items: ReadonlyArray<OrderItem>
  /** The sum of price × quantity, whole roubles. */
  readonly cost: number
  /** What the guest pays of the cost in bonus points. */
  readonly bonusPayment: number
  /** What the guest gets back once the order is closed: 1–5 % of what was paid in money. */
  readonly bonusGrant: number
}

/** The share of orders that go to one of the guest's favourite restaurants, and of these to the dearest one. */
const loyalty = 0.85
const firstFavourite = 0.5

const chooseRestaurant = (random: Random, world: DemoWorld, guest: DemoGuest): number => {
  if (random.chance(loyalty)) {
    for (const favourite of guest.favourites) if (random.chance(firstFavourite)) return favourite
    return guest.favourites[0] ?? world.chooseRestaurant(random)
  }
  return world.chooseRestaurant(random)
}

const loveWeights = [6, 4, 3]

/** How much a guest wants a dish: the category first, then a liking for some dishes that never changes. */
const appetite = (guest: DemoGuest, restaurant: number, dish: DemoDish, index: number): number => {
  const love = guest.loves.indexOf(dish.categoryIndex)
  const liking = mix(guest.taste, restaurant * 64 + index) / 0x1_0000_0000
  // Of a menu of 25 dishes a guest likes five or so much better than the others.
  return (love === -1 ? 1 : (loveWeights[love] ?? 1)) * (0.05 + liking ** 6 * 4) * (dish.price < 130 ? 0.5 : 1)
}

const sizes = [0.3, 0.3, 0.2, 0.1, 0.06, 0.04]

const drawSize = (random: Random): number => {
  let left = random.next()
  for (let index = 0; index < sizes.length; index++) {
    left -= sizes[index] ?? 0
    if (left < 0) return index + 1
  }
  return 1
}

const drawQuantity = (random: Random): number => {
  const share = random.next()
  return share < 0.78 ? 1 : share < 0.94 ? 2 : random.int(3, 5)
}

const drawItems = (
  random: Random,
  guest: DemoGuest,
  restaurantIndex: number,
  restaurant: DemoRestaurant
): ReadonlyArray<OrderItem> => {
  const { menu } = restaurant
  const weights = new Float64Array(menu.length)
  let total = 0
  for (let index = 0; index < menu.length; index++) {
    const dish = menu[index]
    const weight = dish === undefined ? 0 : appetite(guest, restaurantIndex, dish, index)
    weights[index] = weight
    total += weight
  }
  const items: Array<OrderItem> = []
  for (let left = drawSize(random); left > 0; left--) {
    let target = random.next() * total
    let chosen = -1
    for (let index = 0; index < menu.length && target >= 0; index++) {
      const weight = weights[index] ?? 0
      if (weight === 0) continue
      chosen = index
      target -= weight
    }
    const dish = menu[chosen]
    if (dish === undefined) throw new RangeError(`the menu of ${restaurant.name} is too short`)
    total -= weights[chosen] ?? 0
    weights[chosen] = 0
    items.push({ id: dish.id, name: dish.name, price: dish.price, quantity: drawQuantity(random) })
  }
  return items
}

/** Draws the next order of the world. */
export const draftOrder = (random: Random, world: DemoWorld, objectId: number): OrderDraft => {
  const guest = world.guests[world.chooseGuest(random)]
  if (guest === undefined) throw new RangeError("the world has no guests")
  const restaurantIndex = chooseRestaurant(random, world, guest)
  const restaurant = world.restaurants[restaurantIndex]
  if (restaurant === undefined) throw new RangeError("the world has no restaurants")
  const items = drawItems(random, guest, restaurantIndex, restaurant)
  const cost = items.reduce((sum, item) => sum + item.price * item.quantity, 0)
  const bonusPayment = random.chance(0.2) ? Math.floor(cost * 0.3 * random.next()) : 0
  const payment = cost - bonusPayment
  // Whole roubles; of a small sum, where rounding down would leave less than 1 %, one rouble.
  const bonusGrant = Math.max(Math.ceil(payment / 100), Math.floor((payment * random.int(1, 5)) / 100))
  return {
    objectId,
    restaurantId: restaurant.id,
    userId: guest.id,
    items,
    cost,
    bonusPayment,
    bonusGrant
  }
}
