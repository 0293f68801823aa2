import type { Order } from "./readOrder.ts"
import type { Dish, Guest, Restaurant } from "./references.ts"
import { type BusinessRow, type GrowingTable, sortedRows, type Vault } from "./State.ts"
import { normaliseTime } from "./normaliseTime.ts"

/** An order version whose guest, restaurant and dishes are all known. */
export interface EnrichedOrder {
  readonly order: Order
  readonly guest: Guest
  readonly restaurant: Restaurant
  readonly dishes: ReadonlyArray<{ readonly id: string; readonly price: number; readonly quantity: number } & Dish>
}

interface Naming {
  readonly row: BusinessRow
  /** When the app last changed the document that says so. */
  readonly updated: string
}

/** Of each thing, the name from the document updated last. */
const newestNames = (namings: ReadonlyArray<Naming>): ReadonlyArray<BusinessRow> => {
  const newest = new Map<string, Naming>()
  for (const naming of namings) {
    const id = String(naming.row[0])
    const known = newest.get(id)
    if (known === undefined || known.updated < naming.updated) newest.set(id, naming)
  }
  return sortedRows([...newest.values()].map(({ row }) => row))
}

const rowsOfOrders = (
  orders: ReadonlyArray<EnrichedOrder>,
  rows: (enriched: EnrichedOrder) => ReadonlyArray<BusinessRow>
): ReadonlyArray<BusinessRow> => sortedRows(orders.flatMap(rows))

const rowsOfDishes = (
  orders: ReadonlyArray<EnrichedOrder>,
  row: (dish: EnrichedOrder["dishes"][number], order: Order) => BusinessRow
): ReadonlyArray<BusinessRow> => rowsOfOrders(orders, ({ order, dishes }) => dishes.map((dish) => row(dish, order)))

/** Hubs, links and names of these order versions, of which an order may have several: every name that any of them had. */
export const vaultOfVersions = (orders: ReadonlyArray<EnrichedOrder>): Pick<Vault, GrowingTable> => ({
  users: rowsOfOrders(orders, ({ order }) => [[order.userId]]),
  products: rowsOfDishes(orders, (dish) => [dish.id]),
  categories: rowsOfDishes(orders, (dish) => [dish.category]),
  restaurants: rowsOfOrders(orders, ({ order }) => [[order.restaurantId]]),
  orderProduct: rowsOfDishes(orders, (dish, order) => [order.objectId, dish.id]),
  orderUser: rowsOfOrders(orders, ({ order }) => [[order.objectId, order.userId]]),
  productCategory: rowsOfDishes(orders, (dish) => [dish.id, dish.category]),
  productRestaurant: rowsOfDishes(orders, (dish, order) => [dish.id, order.restaurantId]),
  userNames: rowsOfOrders(orders, ({ order, guest }) => [[order.userId, guest.name, guest.login]]),
  productNames: rowsOfDishes(orders, (dish) => [dish.id, dish.name]),
  restaurantNames: rowsOfOrders(orders, ({ order, restaurant }) => [[order.restaurantId, restaurant.name]])
})

/** What the vault says of these orders and of nothing else, one version an order. */
export const expectedVault = (orders: ReadonlyArray<EnrichedOrder>): Vault => ({
  ...vaultOfVersions(orders),
  userNames: newestNames(
    orders.map(({ guest, order }) => ({ row: [order.userId, guest.name, guest.login], updated: guest.updated }))
  ),
  restaurantNames: newestNames(
    orders.map(({ order, restaurant }) => ({ row: [order.restaurantId, restaurant.name], updated: restaurant.updated }))
  ),
  productNames: newestNames(
    orders.flatMap(({ dishes, restaurant }) =>
      dishes.map(({ id, name }) => ({ row: [id, name], updated: restaurant.updated }))
    )
  ),
  orders: rowsOfOrders(orders, ({ order }) => [[order.objectId, normaliseTime(order.date) ?? order.date]]),
  orderCost: rowsOfOrders(orders, ({ order }) => [[order.objectId, order.cost, order.payment]]),
  orderStatus: rowsOfOrders(orders, ({ order }) => [[order.objectId, order.finalStatus]]),
  orderParties: rowsOfOrders(orders, ({ order }) => [[order.objectId, order.userId, order.restaurantId]]),
  orderDishes: rowsOfDishes(orders, (dish, order) => [order.objectId, dish.id, dish.category]),
  orderDishLines: rowsOfOrders(orders, ({ order, dishes }) =>
    dishes
      .filter((dish) => dishes.filter((other) => other.id === dish.id).length === 1)
      .map((dish) => [order.objectId, dish.id, dish.price, dish.quantity])
  )
})
