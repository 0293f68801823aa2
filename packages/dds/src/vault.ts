/**
 * Orders → rows of the vault, and their contributions to the marts. All of it is pure: what a row is follows from the
 * message alone, never from what came before.
 */
import type { CdmStat } from "@metka/core/messages/CdmStats"
import type { StgOrder } from "@metka/core/messages/StgOrder"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import { uuidOf } from "@metka/core/Uuid"

/** An enriched order with the versions of the order and of the references it was enriched from. */
export interface VersionedOrder {
  readonly order: StgOrder
  readonly orderVersion: string
  readonly userLogin: string | undefined
  readonly userVersion: string
  readonly restaurantVersion: string
}

/** Orders name the same things again and again: their keys are hashed once. */
function remembered(type: string): (businessKey: string) => string {
  const keys = new Map<string, string>()
  return (businessKey) => {
    let key = keys.get(businessKey)
    if (key === undefined) {
      if (keys.size >= rememberedKeys) keys.clear()
      key = uuidOf(type, businessKey)
      keys.set(businessKey, key)
    }
    return key
  }
}

const rememberedKeys = 20_000

export const userKey = remembered("h_user")
export const productKey = remembered("h_product")
export const categoryKey = remembered("h_category")
const restaurantKey = remembered("h_restaurant")
const statusHashdiff = remembered("s_order_status")
export const orderKey = (orderId: number): string => uuidOf("h_order", String(orderId))

interface UserRow {
  readonly pk: string
  readonly userId: string
  readonly name: string
  readonly login: string | null
  readonly version: string
  readonly hashdiff: string
}
interface RestaurantRow {
  readonly pk: string
  readonly restaurantId: string
  readonly name: string
  readonly version: string
  readonly hashdiff: string
}
interface ProductRow {
  readonly pk: string
  readonly productId: string
  readonly name: string
  readonly version: string
  readonly hashdiff: string
}
interface CategoryRow {
  readonly pk: string
  readonly name: string
}
interface ProductLinkRow {
  readonly pk: string
  readonly productPk: string
  readonly otherPk: string
}
interface OrderRow {
  readonly pk: string
  readonly orderId: number
  readonly date: string
  readonly version: string
  readonly cost: number
  readonly payment: number
  readonly status: string
  readonly costHashdiff: string
  readonly statusHashdiff: string
  readonly userPk: string
  readonly orderUserPk: string
  readonly restaurantPk: string
  readonly items: ReadonlyArray<OrderItemRow>
}
interface OrderItemRow {
  readonly orderProductPk: string
  readonly productPk: string
  readonly categoryPk: string
  readonly price: number
  readonly quantity: number
}

/** Rows for a round of a batch, at most one a key. */
export interface VaultRows {
  readonly users: ReadonlyArray<UserRow>
  readonly restaurants: ReadonlyArray<RestaurantRow>
  readonly products: ReadonlyArray<ProductRow>
  readonly categories: ReadonlyArray<CategoryRow>
  readonly productCategories: ReadonlyArray<ProductLinkRow>
  readonly productRestaurants: ReadonlyArray<ProductLinkRow>
  /** Sorted by key. */
  readonly orders: ReadonlyArray<OrderRow>
}

const byPk = (a: { readonly pk: string }, b: { readonly pk: string }): number =>
  a.pk < b.pk ? -1 : a.pk > b.pk ? 1 : 0

/** Without the tail that binary fractions leave: 0.1 + 0.2 is 0.3 pieces. */
const plus = (a: number, b: number): number => Number((a + b).toPrecision(15))

/** A dish that an order names twice is one item: pieces add up, the first price stands. */
const itemRows = (orderPk: string, order: StgOrder): ReadonlyArray<OrderItemRow> => {
  const items = new Map<string, OrderItemRow>()
  for (const { category, id, price, quantity } of order.payload.products) {
    const held = items.get(id)
    if (held === undefined) {
      const productPk = productKey(id)
      items.set(id, {
        orderProductPk: uuidOf("l_order_product", orderPk, productPk),
        productPk,
        categoryPk: categoryKey(category),
        price,
        quantity
      })
    } else {
      items.set(id, { ...held, quantity: plus(held.quantity, quantity) })
    }
  }
  return [...items.values()]
}

const orderRow = ({ order, orderVersion }: VersionedOrder): OrderRow => {
  const { cost, date, id, payment, restaurant, status, user } = order.payload
  const pk = orderKey(id)
  const userPk = userKey(user.id)
  return {
    pk,
    orderId: id,
    date: fixedWidth(date),
    version: orderVersion,
    cost,
    payment,
    status,
    costHashdiff: uuidOf("s_order_cost", String(cost), String(payment)),
    statusHashdiff: statusHashdiff(status),
    userPk,
    orderUserPk: uuidOf("l_order_user", pk, userPk),
    restaurantPk: restaurantKey(restaurant.id),
    items: itemRows(pk, order)
  }
}

/** So many versions of one order in one batch are taken in one by one; of more, the oldest are passed over. */
const mostRounds = 8

/**
 * Cuts a batch into rounds of at most one version an order, each newer than the one in the round before: what taking
 * the messages in one by one would take in. Nearly every batch is one round.
 */
export const rounds = <A extends VersionedOrder>(orders: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const ascending = new Map<number, Array<A>>()
  for (const candidate of orders) {
    const taken = ascending.get(candidate.order.object_id)
    const newest = taken?.at(-1)
    if (taken === undefined || newest === undefined) ascending.set(candidate.order.object_id, [candidate])
    else if (newest.orderVersion < candidate.orderVersion) {
      taken.push(candidate)
      if (taken.length > mostRounds) taken.shift()
    }
  }
  const cut: Array<Array<A>> = []
  for (const versions of ascending.values()) {
    for (const [round, version] of versions.entries()) {
      const others = cut[round]
      if (others === undefined) cut[round] = [version]
      else others.push(version)
    }
  }
  return cut
}

/** Keeps the newest of the rows with one key; the greater hashdiff where two are equally new. */
const keepNewest = <Row extends { readonly version: string; readonly hashdiff: string }>(
  rows: Map<string, Row>,
  id: string,
  version: string,
  name: string,
  make: () => Row,
  nameOf: (row: Row) => string
): void => {
  const held = rows.get(id)
  if (held !== undefined && (held.version > version || (held.version === version && nameOf(held) === name))) return
  const row = make()
  if (held === undefined || held.version < version || held.hashdiff < row.hashdiff) rows.set(id, row)
}

const links = (type: string, pairs: ReadonlyMap<string, readonly [productPk: string, otherPk: string]>) =>
  [...pairs.values()].map(([productPk, otherPk]): ProductLinkRow => ({
    pk: uuidOf(type, productPk, otherPk),
    productPk,
    otherPk
  }))

/** @param orders at most one version an order */
export const vaultRows = (orders: ReadonlyArray<VersionedOrder>): VaultRows => {
  const users = new Map<string, UserRow>()
  const restaurants = new Map<string, RestaurantRow>()
  const products = new Map<string, ProductRow>()
  const categories = new Map<string, CategoryRow>()
  const inCategory = new Map<string, readonly [string, string]>()
  const ofRestaurant = new Map<string, readonly [string, string]>()
  for (const { order, restaurantVersion, userLogin, userVersion } of orders) {
    const { products: dishes, restaurant, user } = order.payload
    const login = userLogin ?? null
    keepNewest(
      users,
      user.id,
      userVersion,
      `${user.name}\0${login}`,
      () => ({
        pk: userKey(user.id),
        userId: user.id,
        name: user.name,
        login,
        version: userVersion,
        hashdiff: uuidOf("s_user_names", user.name, ...(login === null ? [] : [login]))
      }),
      (row) => `${row.name}\0${row.login}`
    )
    keepNewest(
      restaurants,
      restaurant.id,
      restaurantVersion,
      restaurant.name,
      () => ({
        pk: restaurantKey(restaurant.id),
        restaurantId: restaurant.id,
        name: restaurant.name,
        version: restaurantVersion,
        hashdiff: uuidOf("s_restaurant_names", restaurant.name)
      }),
      (row) => row.name
    )
    const restaurantPk = restaurants.get(restaurant.id)?.pk ?? restaurantKey(restaurant.id)
    for (const dish of dishes) {
      keepNewest(
        products,
        dish.id,
        restaurantVersion,
        dish.name,
        () => ({
          pk: productKey(dish.id),
          productId: dish.id,
          name: dish.name,
          version: restaurantVersion,
          hashdiff: uuidOf("s_product_names", dish.name)
        }),
        (row) => row.name
      )
      const productPk = products.get(dish.id)?.pk ?? productKey(dish.id)
      let category = categories.get(dish.category)
      if (category === undefined) {
        category = { pk: categoryKey(dish.category), name: dish.category }
        categories.set(dish.category, category)
      }
      inCategory.set(productPk + category.pk, [productPk, category.pk])
      ofRestaurant.set(productPk + restaurantPk, [productPk, restaurantPk])
    }
  }
  return {
    users: [...users.values()],
    restaurants: [...restaurants.values()],
    products: [...products.values()],
    categories: [...categories.values()],
    productCategories: links("l_product_category", inCategory),
    productRestaurants: links("l_product_restaurant", ofRestaurant),
    orders: orders.map(orderRow).sort(byPk)
  }
}

/** What an order contributes to the marts: a row for each of its dishes while it is CLOSED, else nothing. */
export const contributions = (order: StgOrder): ReadonlyArray<CdmStat> => {
  const { products, status, user } = order.payload
  if (status !== "CLOSED") return []
  const stats = new Map<string, CdmStat>()
  const userId = userKey(user.id)
  for (const { category, id, name } of products) {
    if (stats.has(id)) continue
    stats.set(id, {
      user_id: userId,
      product_id: productKey(id),
      product_name: name,
      category_id: categoryKey(category),
      category_name: category,
      order_cnt: 1
    })
  }
  return [...stats.values()]
}
