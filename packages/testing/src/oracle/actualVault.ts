import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { type BusinessRow, sortedRows, type Vault, type VaultTable, vaultTables } from "./State.ts"

/** Columns that are numbers; PostgreSQL sends them as text. */
const numeric: ReadonlySet<string> = new Set(["order_id", "cost", "payment", "price", "quantity"])

/** A hub's business key, or the UUID itself where no hub knows it: a dangling key must not hide the row that has it. */
const order = "coalesce(o.order_id::text, h_order_pk::text) as order_id"
const user = "coalesce(u.user_id, h_user_pk::text) as user_id"
const product = "coalesce(p.product_id, h_product_pk::text) as product_id"
const restaurant = "coalesce(r.restaurant_id, h_restaurant_pk::text) as restaurant_id"
const category = "coalesce(c.category_name, h_category_pk::text) as category_name"

const orders = "left join dds.h_order o using (h_order_pk)"
const users = "left join dds.h_user u using (h_user_pk)"
const products = "left join dds.h_product p using (h_product_pk)"
const restaurants = "left join dds.h_restaurant r using (h_restaurant_pk)"
const categories = "left join dds.h_category c using (h_category_pk)"

const dishesNow = `dds.s_order_product s join dds.h_order o using (h_order_pk)
    left join (select hk_order_product_pk, h_product_pk from dds.l_order_product) l using (hk_order_product_pk)
    ${products} ${categories} where o.version_no = s.version_no`

/**
 * A query for each table of the vault. It gives the columns named in `vaultTables`, in that order, every one as text.
 * What counts now: of names the row with the largest version, ties broken by the hashdiff; of an order's attributes the
 * row with the largest `version_no`, and of its dishes all rows of the `version_no` in the hub: how many versions the
 * vault took in, each newer than the one before.
 */
const queries: Readonly<Record<VaultTable, string>> = {
  users: "select user_id from dds.h_user",
  products: "select product_id from dds.h_product",
  categories: "select category_name from dds.h_category",
  restaurants: "select restaurant_id from dds.h_restaurant",
  orders: "select order_id::text, to_char(order_dt, 'YYYY-MM-DD HH24:MI:SS.US') as order_dt from dds.h_order",
  orderProduct: `select ${order}, ${product} from dds.l_order_product ${orders} ${products}`,
  orderUser: `select ${order}, ${user} from dds.l_order_user ${orders} ${users}`,
  productCategory: `select ${product}, ${category} from dds.l_product_category ${products} ${categories}`,
  productRestaurant: `select ${product}, ${restaurant} from dds.l_product_restaurant ${products} ${restaurants}`,
  userNames: `select distinct on (h_user_pk) ${user}, username, userlogin from dds.s_user_names ${users}
    order by h_user_pk, user_version collate "C" desc nulls last, hk_user_names_hashdiff desc`,
  productNames: `select distinct on (h_product_pk) ${product}, name from dds.s_product_names ${products}
    order by h_product_pk, restaurant_version collate "C" desc nulls last, hk_product_names_hashdiff desc`,
  restaurantNames: `select distinct on (h_restaurant_pk) ${restaurant}, name
    from dds.s_restaurant_names ${restaurants}
    order by h_restaurant_pk, restaurant_version collate "C" desc nulls last, hk_restaurant_names_hashdiff desc`,
  orderCost: `select distinct on (h_order_pk) ${order}, cost::text, payment::text from dds.s_order_cost s ${orders}
    order by h_order_pk, s.version_no desc`,
  orderStatus: `select distinct on (h_order_pk) ${order}, status from dds.s_order_status s ${orders}
    order by h_order_pk, s.version_no desc`,
  orderParties: `select distinct on (h_order_pk) ${order}, ${user}, ${restaurant}
    from dds.s_order_effectivity s ${orders} ${users} ${restaurants} order by h_order_pk, s.version_no desc`,
  orderDishes: `select ${order}, ${product}, ${category} from ${dishesNow}`,
  orderDishLines: `select ${order}, ${product}, price::text, quantity::text from ${dishesNow}`
}

const readTable = (table: VaultTable) =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const rows = yield* sql.unsafe<Record<string, string | null>>(queries[table])
    return sortedRows(
      rows.map((row): BusinessRow =>
        vaultTables[table].map((column) => {
          const value = row[column] ?? "null"
          const number = Number(value)
          // An order that no hub knows comes with its UUID.
          return numeric.has(column) && !Number.isNaN(number) ? number : value
        })
      )
    )
  })

/** The vault of `dds` in business values: UUIDs are translated by the hubs, satellites read as of now. */
export const actualVault: Effect.Effect<Vault, SqlError.SqlError, SqlClient.SqlClient> = Effect.all({
  users: readTable("users"),
  products: readTable("products"),
  categories: readTable("categories"),
  restaurants: readTable("restaurants"),
  orders: readTable("orders"),
  orderProduct: readTable("orderProduct"),
  orderUser: readTable("orderUser"),
  productCategory: readTable("productCategory"),
  productRestaurant: readTable("productRestaurant"),
  userNames: readTable("userNames"),
  productNames: readTable("productNames"),
  restaurantNames: readTable("restaurantNames"),
  orderCost: readTable("orderCost"),
  orderStatus: readTable("orderStatus"),
  orderParties: readTable("orderParties"),
  orderDishes: readTable("orderDishes"),
  orderDishLines: readTable("orderDishLines")
})
