import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { type BusinessRow, sortedRows, type Vault, type VaultTable, vaultTables } from "./State.ts"

/** Columns that are numbers; PostgreSQL sends them as text. */
const numeric: ReadonlySet<string> = new Set(["order_id", "cost", "payment", "price", "quantity"])

/**
 * A query for each table of the vault. It gives the columns named in `vaultTables`, in that order, every one as text.
 * What counts now: of names and of order attributes the row with the largest version, ties broken by the hashdiff;
 * of an order's dishes the rows of the order's newest version.
 */
const queries: Readonly<Record<VaultTable, string>> = {
  users: `select user_id from dds.h_user`,
  products: `select product_id from dds.h_product`,
  categories: `select category_name from dds.h_category`,
  restaurants: `select restaurant_id from dds.h_restaurant`,
  orders: `select order_id::text, to_char(order_dt, 'YYYY-MM-DD HH24:MI:SS.US') as order_dt from dds.h_order`,
  orderProduct: `select o.order_id::text, p.product_id from dds.l_order_product l
    join dds.h_order o using (h_order_pk) join dds.h_product p using (h_product_pk)`,
  orderUser: `select o.order_id::text, u.user_id from dds.l_order_user l
    join dds.h_order o using (h_order_pk) join dds.h_user u using (h_user_pk)`,
  productCategory: `select p.product_id, c.category_name from dds.l_product_category l
    join dds.h_product p using (h_product_pk) join dds.h_category c using (h_category_pk)`,
  productRestaurant: `select p.product_id, r.restaurant_id from dds.l_product_restaurant l
    join dds.h_product p using (h_product_pk) join dds.h_restaurant r using (h_restaurant_pk)`,
  userNames: `select distinct on (s.h_user_pk) u.user_id, s.username, s.userlogin
    from dds.s_user_names s join dds.h_user u on u.h_user_pk = s.h_user_pk
    order by s.h_user_pk, s.user_version collate "C" desc nulls last, s.hk_user_names_hashdiff desc`,
  productNames: `select distinct on (s.h_product_pk) p.product_id, s.name
    from dds.s_product_names s join dds.h_product p on p.h_product_pk = s.h_product_pk
    order by s.h_product_pk, s.restaurant_version collate "C" desc nulls last, s.hk_product_names_hashdiff desc`,
  restaurantNames: `select distinct on (s.h_restaurant_pk) r.restaurant_id, s.name
    from dds.s_restaurant_names s join dds.h_restaurant r on r.h_restaurant_pk = s.h_restaurant_pk
    order by s.h_restaurant_pk, s.restaurant_version collate "C" desc nulls last, s.hk_restaurant_names_hashdiff desc`,
  orderCost: `select distinct on (s.h_order_pk) o.order_id::text, s.cost::text, s.payment::text
    from dds.s_order_cost s join dds.h_order o on o.h_order_pk = s.h_order_pk
    order by s.h_order_pk, s.order_version collate "C" desc nulls last, s.hk_order_cost_hashdiff desc`,
  orderStatus: `select distinct on (s.h_order_pk) o.order_id::text, s.status
    from dds.s_order_status s join dds.h_order o on o.h_order_pk = s.h_order_pk
    order by s.h_order_pk, s.order_version collate "C" desc nulls last, s.hk_order_status_hashdiff desc`,
  orderParties: `select distinct on (s.h_order_pk) o.order_id::text, u.user_id, r.restaurant_id
    from dds.s_order_effectivity s join dds.h_order o on o.h_order_pk = s.h_order_pk
    join dds.h_user u on u.h_user_pk = s.h_user_pk join dds.h_restaurant r on r.h_restaurant_pk = s.h_restaurant_pk
    order by s.h_order_pk, s.order_version collate "C" desc nulls last`,
  orderDishes: `select o.order_id::text, p.product_id, c.category_name
    from dds.s_order_product s join dds.h_order o on o.h_order_pk = s.h_order_pk and o.order_version = s.order_version
    join dds.l_order_product l on l.hk_order_product_pk = s.hk_order_product_pk
    join dds.h_product p on p.h_product_pk = l.h_product_pk
    join dds.h_category c on c.h_category_pk = s.h_category_pk`,
  orderDishLines: `select o.order_id::text, p.product_id, s.price::text, s.quantity::text
    from dds.s_order_product s join dds.h_order o on o.h_order_pk = s.h_order_pk and o.order_version = s.order_version
    join dds.l_order_product l on l.hk_order_product_pk = s.hk_order_product_pk
    join dds.h_product p on p.h_product_pk = l.h_product_pk`
}

const readTable = (table: VaultTable) =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const rows = yield* sql.unsafe<Record<string, string | null>>(queries[table])
    return sortedRows(
      rows.map((row): BusinessRow =>
        vaultTables[table].map((column) => {
          const value = row[column] ?? "null"
          return numeric.has(column) ? Number(value) : value
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
