/**
 * The vault by itself, every row of every version, those of orders that STG does not know included: each row has its
 * parents, and each is there because an order's version brought it.
 */
import type { SqlCheck } from "./SqlCheck.ts"

/** Rows of `table` must find a row in `other` by these columns. */
interface Relation {
  readonly table: string
  readonly columns: ReadonlyArray<string>
  readonly other: string
  /** The other holds few things, many times each: only they are hashed, and not all of its rows. */
  readonly distinct?: true
}

const orderColumns: ReadonlySet<string> = new Set([
  "h_order",
  "l_order_user",
  "l_order_product",
  "s_order_cost",
  "s_order_status",
  "s_order_effectivity",
  "s_order_product"
])

const missingOther = ({ columns, distinct, other, table }: Relation, remedy: "retake" | "remove"): SqlCheck => {
  const objectId = orderColumns.has(table)
    ? "(select hub.order_id::text from dds.h_order hub where hub.h_order_pk = held.h_order_pk)"
    : "null::text"
  const key = columns.map((column) => `'${column} ', held.${column}`).join(", ' ', ")
  const wanted = remedy === "retake" ? "a row there" : "not here either"
  const same = columns.map((column) => `other.${column} = held.${column}`).join(" and ")
  const others = distinct === undefined ? other : `(select distinct ${columns.join(", ")} from ${other} every)`
  return {
    check: "vault",
    table: `dds.${table}`,
    remedy,
    ...(other === "dishes" ? { common: dishes } : {}),
    query: `select ${objectId} as object_id, concat(${key}) as what, 'no row in ${nameOf(other)}' as held, '${wanted}' as wanted, null as user_id, null as thing_id
      from dds.${table} held where not exists (select 1 from ${others} other where ${same})`
  }
}

/** A relation may be to the query `dishes`. */
const nameOf = (other: string): string => (other === "dishes" ? "the dishes of any order" : other)

const parents: ReadonlyArray<Relation> = [
  { table: "l_order_user", columns: ["h_order_pk"], other: "dds.h_order" },
  { table: "l_order_user", columns: ["h_user_pk"], other: "dds.h_user" },
  { table: "l_order_product", columns: ["h_order_pk"], other: "dds.h_order" },
  { table: "l_order_product", columns: ["h_product_pk"], other: "dds.h_product" },
  { table: "l_product_category", columns: ["h_product_pk"], other: "dds.h_product" },
  { table: "l_product_category", columns: ["h_category_pk"], other: "dds.h_category" },
  { table: "l_product_restaurant", columns: ["h_product_pk"], other: "dds.h_product" },
  { table: "l_product_restaurant", columns: ["h_restaurant_pk"], other: "dds.h_restaurant" },
  { table: "s_user_names", columns: ["h_user_pk"], other: "dds.h_user" },
  { table: "s_product_names", columns: ["h_product_pk"], other: "dds.h_product" },
  { table: "s_restaurant_names", columns: ["h_restaurant_pk"], other: "dds.h_restaurant" },
  { table: "s_order_cost", columns: ["h_order_pk"], other: "dds.h_order" },
  { table: "s_order_status", columns: ["h_order_pk"], other: "dds.h_order" },
  { table: "s_order_effectivity", columns: ["h_order_pk"], other: "dds.h_order" },
  { table: "s_order_effectivity", columns: ["h_order_pk", "h_user_pk"], other: "dds.l_order_user" },
  { table: "s_order_effectivity", columns: ["h_restaurant_pk"], other: "dds.h_restaurant" },
  { table: "s_order_product", columns: ["h_order_pk", "version_no"], other: "dds.s_order_effectivity" },
  { table: "s_order_product", columns: ["hk_order_product_pk", "h_order_pk"], other: "dds.l_order_product" },
  { table: "s_order_product", columns: ["h_category_pk"], other: "dds.h_category" },
  { table: "h_user", columns: ["h_user_pk"], other: "dds.s_user_names" },
  { table: "h_restaurant", columns: ["h_restaurant_pk"], other: "dds.s_restaurant_names" },
  { table: "h_product", columns: ["h_product_pk"], other: "dds.s_product_names" }
]

/** A dish of any version of any order, with its category and restaurant then: of two relations, and joined once. */
const dishes = `dishes as materialized (
  select distinct h_product_pk, h_category_pk, h_restaurant_pk from dds.s_order_product
  join dds.l_order_product using (hk_order_product_pk, h_order_pk) join dds.s_order_effectivity using (h_order_pk, version_no))`

/** What no order brought. */
const support: ReadonlyArray<Relation> = [
  { table: "h_user", columns: ["h_user_pk"], other: "dds.s_order_effectivity", distinct: true },
  { table: "h_restaurant", columns: ["h_restaurant_pk"], other: "dds.s_order_effectivity", distinct: true },
  { table: "h_product", columns: ["h_product_pk"], other: "dds.l_order_product", distinct: true },
  { table: "h_category", columns: ["h_category_pk"], other: "dds.s_order_product", distinct: true },
  { table: "l_order_user", columns: ["h_order_pk", "h_user_pk"], other: "dds.s_order_effectivity" },
  { table: "l_order_product", columns: ["hk_order_product_pk"], other: "dds.s_order_product" },
  { table: "l_product_category", columns: ["h_product_pk", "h_category_pk"], other: "dishes" },
  { table: "l_product_restaurant", columns: ["h_product_pk", "h_restaurant_pk"], other: "dishes" }
]

/** A version leaves one row in each satellite of its order. */
const versionRows = (satellite: string): SqlCheck => ({
  check: "vault",
  table: `dds.${satellite}`,
  remedy: "retake",
  query: `select coalesce(hub.order_id::text, held.h_order_pk::text) as object_id, 'version_no of its rows' as what,
      coalesce(held.numbers, 'none') as held, '1 to ' || hub.version_no as wanted, null as user_id, null as thing_id
    from dds.h_order hub
    left join (select h_order_pk, count(*) as rows, min(version_no) as least, max(version_no) as most,
      string_agg(version_no::text, ', ' order by version_no) as numbers from dds.${satellite} group by h_order_pk) held using (h_order_pk)
    where (held.rows, held.least, held.most) is distinct from (hub.version_no::bigint, 1, hub.version_no)`
})

const oneRowAnOrder: SqlCheck = {
  check: "vault",
  table: "dds.h_order",
  remedy: "retake",
  query: `select order_id::text as object_id, 'order_id' as what, count(*) || ' rows' as held, '1 row' as wanted,
      null as user_id, null as thing_id
    from dds.h_order group by order_id having count(*) > 1`
}

export const vaultChecks: ReadonlyArray<SqlCheck> = [
  ...parents.map((relation) => missingOther(relation, "retake")),
  ...support.map((relation) => missingOther(relation, "remove")),
  ...["s_order_cost", "s_order_status", "s_order_effectivity"].map(versionRows),
  oneRowAnOrder
]
