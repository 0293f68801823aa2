/**
 * Orders → rows of the vault, and their contributions to the marts. All of it is pure: what a row is follows from the
 * message alone, never from what came before.
 */
import type { CdmStat } from "@metka/core/messages/CdmStats"
import type { StgOrder } from "@metka/core/messages/StgOrder"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import { remember } from "@metka/core/remember"
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
  return (businessKey) => keys.get(businessKey) ?? remember(keys, businessKey, uuidOf(type, businessKey))
}

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
/** A thing that is said to be what it was the last time, and a dish that is where it was, has the same row, the very object. */
const userRows = new Map<string, UserRow>()
const userRow = (userId: string, name: string, login: string | null, version: string): UserRow => {
  const held = userRows.get(userId)
  if (held !== undefined && held.version === version && held.name === name && held.login === login) return held
  const hashdiff = uuidOf("s_user_names", name, ...(login === null ? [] : [login]))
  return remember(userRows, userId, { pk: userKey(userId), userId, name, login, version, hashdiff })
}

const restaurantRows = new Map<string, RestaurantRow>()
const restaurantRow = (restaurantId: string, name: string, version: string): RestaurantRow => {
  const held = restaurantRows.get(restaurantId)
  if (held !== undefined && held.version === version && held.name === name) return held
  const hashdiff = uuidOf("s_restaurant_names", name)
  return remember(restaurantRows, restaurantId, {
    pk: restaurantKey(restaurantId),
    restaurantId,
    name,
    version,
    hashdiff
  })
}

const categoryRows = new Map<string, CategoryRow>()
const categoryRow = (name: string): CategoryRow =>
  categoryRows.get(name) ?? remember(categoryRows, name, { pk: categoryKey(name), name })

const rememberedLinks = (type: string) => {
  const links = new Map<string, ProductLinkRow>()
  return (productPk: string, otherPk: string): ProductLinkRow => {
    const key = productPk + otherPk
    return links.get(key) ?? remember(links, key, { pk: uuidOf(type, productPk, otherPk), productPk, otherPk })
  }
}
const productCategoryRow = rememberedLinks("l_product_category")
const productRestaurantRow = rememberedLinks("l_product_restaurant")

/** What a dish of an order is in the vault. */
interface DishRows {
  readonly product: ProductRow
  readonly category: CategoryRow
  readonly restaurant: RestaurantRow
  readonly ofCategory: ProductLinkRow
  readonly ofRestaurant: ProductLinkRow
}
type Dish = StgOrder["payload"]["products"][number]

const dishes = new Map<string, DishRows>()
const dishRows = ({ category, id, name }: Dish, restaurant: RestaurantRow): DishRows => {
  const held = dishes.get(id)
  if (held?.restaurant === restaurant && held.product.name === name && held.category.name === category) return held
  const pk = productKey(id)
  const ofDish = categoryRow(category)
  return remember(dishes, id, {
    product: { pk, productId: id, name, version: restaurant.version, hashdiff: uuidOf("s_product_names", name) },
    category: ofDish,
    restaurant,
    ofCategory: productCategoryRow(pk, ofDish.pk),
    ofRestaurant: productRestaurantRow(pk, restaurant.pk)
  })
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

/** Without the tail that binary fractions leave: 0.1 + 0.2 is 0.3 pieces. Infinity would spoil every sum over it. */
const plus = (a: number, b: number): number => Math.min(Number.MAX_VALUE, Number((a + b).toPrecision(15)))

/** A dish that an order names twice is one item: pieces add up, the first price stands. */
const itemRows = (
  orderPk: string,
  dishes: ReadonlyArray<{ readonly dish: Dish; readonly rows: DishRows }>
): ReadonlyArray<OrderItemRow> => {
  const items = new Map<string, OrderItemRow>()
  for (const {
    dish: { price, quantity },
    rows: { category, product }
  } of dishes) {
    const held = items.get(product.pk)
    items.set(
      product.pk,
      held === undefined
        ? {
            orderProductPk: uuidOf("l_order_product", orderPk, product.pk),
            productPk: product.pk,
            categoryPk: category.pk,
            price,
            quantity
          }
        : { ...held, quantity: plus(held.quantity, quantity) }
    )
  }
  return [...items.values()]
}

/** A version of an order, and what it says of things, as rows. */
export interface OrderInVault {
  readonly order: OrderRow
  readonly user: UserRow
  readonly restaurant: RestaurantRow
  readonly dishes: ReadonlyArray<DishRows>
}

export const orderInVault = ({
  order,
  orderVersion,
  restaurantVersion,
  userLogin,
  userVersion
}: VersionedOrder): OrderInVault => {
  const { cost, date, id, payment, products, status } = order.payload
  const user = userRow(order.payload.user.id, order.payload.user.name, userLogin ?? null, userVersion)
  const restaurant = restaurantRow(order.payload.restaurant.id, order.payload.restaurant.name, restaurantVersion)
  const dishes = products.map((dish) => ({ dish, rows: dishRows(dish, restaurant) }))
  const pk = orderKey(id)
  return {
    order: {
      pk,
      orderId: id,
      date: fixedWidth(date),
      version: orderVersion,
      cost,
      payment,
      status,
      costHashdiff: uuidOf("s_order_cost", String(cost), String(payment)),
      statusHashdiff: statusHashdiff(status),
      userPk: user.pk,
      orderUserPk: uuidOf("l_order_user", pk, user.pk),
      restaurantPk: restaurant.pk,
      items: itemRows(pk, dishes)
    },
    user,
    restaurant,
    dishes: dishes.map(({ rows }) => rows)
  }
}

/** So many versions of one order in one batch are taken in one by one; of more, the oldest are passed over. */
const mostRounds = 8

/**
 * Cuts a batch into rounds of at most one version an order, each newer than the one in the round before: what taking
 * the messages in one by one would take in. Nearly every batch is one round.
 */
export const rounds = <A extends { readonly orderId: number; readonly orderVersion: string }>(
  orders: ReadonlyArray<A>
): ReadonlyArray<ReadonlyArray<A>> => {
  const ascending = new Map<number, Array<A>>()
  for (const candidate of orders) {
    const taken = ascending.get(candidate.orderId)
    const newest = taken?.at(-1)
    if (taken === undefined || newest === undefined) ascending.set(candidate.orderId, [candidate])
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
const keepNewest = <Row extends { readonly pk: string; readonly version: string; readonly hashdiff: string }>(
  rows: Map<string, Row>,
  row: Row
): void => {
  const held = rows.get(row.pk)
  if (held === row) return
  if (
    held === undefined ||
    held.version < row.version ||
    (held.version === row.version && held.hashdiff < row.hashdiff)
  ) {
    rows.set(row.pk, row)
  }
}

/** @param orders at most one version an order */
export const vaultRows = (orders: ReadonlyArray<OrderInVault>): VaultRows => {
  const users = new Map<string, UserRow>()
  const restaurants = new Map<string, RestaurantRow>()
  const dishes = new Set<DishRows>()
  for (const order of orders) {
    keepNewest(users, order.user)
    keepNewest(restaurants, order.restaurant)
    for (const dish of order.dishes) dishes.add(dish)
  }
  const products = new Map<string, ProductRow>()
  const categories = new Set<CategoryRow>()
  const productCategories = new Set<ProductLinkRow>()
  const productRestaurants = new Set<ProductLinkRow>()
  for (const { category, ofCategory, ofRestaurant, product } of dishes) {
    keepNewest(products, product)
    categories.add(category)
    productCategories.add(ofCategory)
    productRestaurants.add(ofRestaurant)
  }
  return {
    users: [...users.values()],
    restaurants: [...restaurants.values()],
    products: [...products.values()],
    categories: [...categories],
    productCategories: [...productCategories],
    productRestaurants: [...productRestaurants],
    orders: orders.map(({ order }) => order).sort(byPk)
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
