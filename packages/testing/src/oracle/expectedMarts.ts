import type { EnrichedOrder } from "./expectedVault.ts"
import { type CategoryCounter, compareRows, type ProductCounter } from "./State.ts"

/** The distinct orders under one guest and one thing, which is all that a counter is. */
interface Tally {
  readonly user: string
  readonly thing: string
  readonly name: string
  readonly orders: Set<number>
}

const tally = (
  orders: ReadonlyArray<EnrichedOrder>,
  thingOf: (dish: EnrichedOrder["dishes"][number]) => { readonly thing: string; readonly name: string }
): ReadonlyArray<Tally> => {
  const tallies = new Map<string, Tally>()
  for (const { order, dishes } of orders) {
    if (order.finalStatus !== "CLOSED") continue
    for (const dish of dishes) {
      const { thing, name } = thingOf(dish)
      const key = JSON.stringify([order.userId, thing])
      const entry = tallies.get(key) ?? { user: order.userId, thing, name, orders: new Set<number>() }
      entry.orders.add(order.objectId)
      tallies.set(key, entry)
    }
  }
  return [...tallies.values()].sort((a, b) => compareRows([a.user, a.thing], [b.user, b.thing]))
}

/** In how many distinct CLOSED orders each guest had each product. `productNames`: the name each product has now. */
export const expectedProductCounters = (
  orders: ReadonlyArray<EnrichedOrder>,
  productNames: ReadonlyMap<string, string>
): ReadonlyArray<ProductCounter> =>
  tally(orders, ({ id, name }) => ({ thing: id, name: productNames.get(id) ?? name })).map((entry) => ({
    user_id: entry.user,
    product_id: entry.thing,
    product_name: entry.name,
    order_cnt: entry.orders.size
  }))

/** In how many distinct CLOSED orders each guest had each category. */
export const expectedCategoryCounters = (orders: ReadonlyArray<EnrichedOrder>): ReadonlyArray<CategoryCounter> =>
  tally(orders, ({ category }) => ({ thing: category, name: category })).map((entry) => ({
    user_id: entry.user,
    category_name: entry.thing,
    order_cnt: entry.orders.size
  }))
