/** The state of the whole system as plain, sorted data: what the oracle expects and what a database holds. */

/** The business values of one row, in the order of the columns named in `vaultTables`. */
export type BusinessRow = ReadonlyArray<string | number>

export interface MissingReferences {
  readonly guests: ReadonlyArray<string>
  readonly restaurants: ReadonlyArray<string>
  readonly dishes: ReadonlyArray<string>
}

export interface StgOrderEvent {
  readonly object_id: number
  readonly object_type: string
  /** `YYYY-MM-DD HH:MM:SS.ffffff` */
  readonly sent_dttm: string
  /** The payload to the byte. */
  readonly payloadText: string
}

export interface ParkedOrder {
  readonly object_id: number
  /** Sorted and distinct. Of an unknown restaurant no dish is named: nobody knows what it cooks. */
  readonly missing: MissingReferences
}

export interface StgMessage {
  /** The app's user id. */
  readonly key: string
  /** As on `stg-service-orders`, members in the order of the contract. */
  readonly message: {
    readonly object_id: number
    readonly object_type: "order"
    readonly payload: {
      readonly id: number
      readonly date: string
      readonly cost: number
      readonly payment: number
      readonly status: string
      readonly restaurant: { readonly id: string; readonly name: string }
      readonly user: { readonly id: string; readonly name: string }
      readonly products: ReadonlyArray<{
        readonly id: string
        readonly price: number
        readonly quantity: number
        readonly name: string
        readonly category: string
      }>
    }
  }
}

/**
 * The tables of the vault and their business values; satellites by the row that counts *now*. `orderDishLines` has only
 * the dishes that an order names once: the contract does not say how two lines of one dish are stored.
 */
export const vaultTables = {
  users: ["user_id"],
  products: ["product_id"],
  categories: ["category_name"],
  restaurants: ["restaurant_id"],
  orders: ["order_id", "order_dt"],
  orderProduct: ["order_id", "product_id"],
  orderUser: ["order_id", "user_id"],
  productCategory: ["product_id", "category_name"],
  productRestaurant: ["product_id", "restaurant_id"],
  userNames: ["user_id", "username", "userlogin"],
  productNames: ["product_id", "name"],
  restaurantNames: ["restaurant_id", "name"],
  orderCost: ["order_id", "cost", "payment"],
  orderStatus: ["order_id", "status"],
  orderParties: ["order_id", "user_id", "restaurant_id"],
  orderDishes: ["order_id", "product_id", "category_name"],
  orderDishLines: ["order_id", "product_id", "price", "quantity"]
} as const

export type VaultTable = keyof typeof vaultTables

/** Tables in which a superseded version of an order may have left rows. */
export type GrowingTable =
  | "users"
  | "products"
  | "categories"
  | "restaurants"
  | "orderProduct"
  | "orderUser"
  | "productCategory"
  | "productRestaurant"
  | "userNames"
  | "productNames"
  | "restaurantNames"

export type Vault = Readonly<Record<VaultTable, ReadonlyArray<BusinessRow>>>

export interface ProductCounter {
  /** The app's user id, not the UUID; the same in all marts here. */
  readonly user_id: string
  readonly product_id: string
  readonly product_name: string
  readonly order_cnt: number
}

export interface CategoryCounter {
  readonly user_id: string
  readonly category_name: string
  readonly order_cnt: number
}

export interface UserTag {
  readonly user_id: string
  readonly tag: string
  readonly category_name: string
  readonly order_cnt: number
}

export interface DeadLetterPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** What expectation and reality have in common. */
export interface State {
  readonly stgOrderEvents: ReadonlyArray<StgOrderEvent>
  readonly parked: ReadonlyArray<ParkedOrder>
  readonly stgMessages: ReadonlyArray<StgMessage>
  readonly vault: Vault
  readonly userProductCounters: ReadonlyArray<ProductCounter>
  readonly userCategoryCounters: ReadonlyArray<CategoryCounter>
  readonly userTags: ReadonlyArray<UserTag>
  readonly deadLetters: ReadonlyArray<DeadLetterPosition>
}

/** Drops equal rows and sorts by the columns in turn, numbers by size and strings by code unit. */
export const sortedRows = (rows: Iterable<BusinessRow>): ReadonlyArray<BusinessRow> => {
  const distinct = new Map<string, BusinessRow>()
  // No text of the vault holds U+0000.
  for (const row of rows) distinct.set(row.join("\0"), row)
  return [...distinct.values()].sort(compareRows)
}

/** The order of `sortedRows`; 0 for rows with the same values. */
export const compareRows = (left: BusinessRow, right: BusinessRow): number => {
  for (let column = 0; column < left.length; column++) {
    const a = left[column]
    const b = right[column]
    if (a === undefined || b === undefined) break
    if (a !== b) return a < b ? -1 : 1
  }
  return left.length - right.length
}
