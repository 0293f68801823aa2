/** Keys and hashdiffs of the vault, every row of it: each must be the UUID of what it identifies. */
import { uuids } from "@metka/core/arrays"
import { forEachPage } from "@metka/core/Cursor"
import { uuidOf } from "@metka/core/Uuid"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import type { Difference, Findings } from "./Difference.ts"

/** A column and the columns that it is derived from. A column that is null is no part. */
interface DerivedColumn {
  readonly table: string
  readonly column: string
  readonly parts: ReadonlyArray<string>
  /** The rows are of an order. */
  readonly ofOrder?: true
}

const derivedColumns: ReadonlyArray<DerivedColumn> = [
  { table: "h_user", column: "h_user_pk", parts: ["user_id"] },
  { table: "h_restaurant", column: "h_restaurant_pk", parts: ["restaurant_id"] },
  { table: "h_product", column: "h_product_pk", parts: ["product_id"] },
  { table: "h_category", column: "h_category_pk", parts: ["category_name"] },
  { table: "h_order", column: "h_order_pk", parts: ["order_id"], ofOrder: true },
  { table: "l_order_user", column: "hk_order_user_pk", parts: ["h_order_pk", "h_user_pk"], ofOrder: true },
  { table: "l_order_product", column: "hk_order_product_pk", parts: ["h_order_pk", "h_product_pk"], ofOrder: true },
  { table: "l_product_category", column: "hk_product_category_pk", parts: ["h_product_pk", "h_category_pk"] },
  { table: "l_product_restaurant", column: "hk_product_restaurant_pk", parts: ["h_product_pk", "h_restaurant_pk"] },
  { table: "s_user_names", column: "hk_user_names_hashdiff", parts: ["username", "userlogin"] },
  { table: "s_restaurant_names", column: "hk_restaurant_names_hashdiff", parts: ["name"] },
  { table: "s_product_names", column: "hk_product_names_hashdiff", parts: ["name"] },
  { table: "s_order_cost", column: "hk_order_cost_hashdiff", parts: ["cost", "payment"], ofOrder: true },
  { table: "s_order_status", column: "hk_order_status_hashdiff", parts: ["status"], ofOrder: true }
]

interface KeyRow {
  readonly h_order_pk: string | null
  readonly key: string
  readonly parts: ReadonlyArray<string | null>
}

/** `numeric` comes as PostgreSQL spells it; the hashdiff was made of JavaScript's spelling. */
const spelled = (column: string, text: string): string =>
  column === "cost" || column === "payment" ? String(Number(text)) : text

interface WrongKey {
  readonly orderPk: string | null
  readonly difference: Difference
}

const wrongKey = ({ column, parts, table }: DerivedColumn, row: KeyRow): ReadonlyArray<WrongKey> => {
  const texts = parts.flatMap((part, index) => {
    const text = row.parts[index]
    return text === null || text === undefined ? [] : [spelled(part, text)]
  })
  const shouldBe = uuidOf(table, ...texts)
  if (shouldBe === row.key) return []
  return [
    {
      orderPk: row.h_order_pk,
      difference: {
        check: "keys",
        order: null,
        table: `dds.${table}`,
        what: `${column} of ${texts.join(", ")}`,
        is: row.key,
        shouldBe,
        remedy: "retake"
      }
    }
  ]
}

/** Says of which order each of them is. Looked up for those that are wrong: a join would read all orders for each table. */
const withOrders = Effect.fnUntraced(function* (wrong: ReadonlyArray<WrongKey>) {
  const pks = wrong.flatMap(({ orderPk }) => orderPk ?? [])
  if (pks.length === 0) return wrong.map(({ difference }) => difference)
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ h_order_pk: string; order: string }>`
    select h_order_pk, order_id::text as order from dds.h_order where h_order_pk = any(${uuids(pks)}::uuid[])`
  const orders = new Map(rows.map((row) => [row.h_order_pk, row.order]))
  return wrong.map(({ difference, orderPk }) => ({ ...difference, order: orders.get(orderPk ?? "") ?? null }))
})

/** `onRows` is told how many rows were looked at. */
export const checkDerivedKeys = Effect.fnUntraced(function* (
  findings: Findings,
  onRows: (count: number, table: string) => Effect.Effect<void>
) {
  for (const derived of derivedColumns) {
    const { column, ofOrder, parts, table } = derived
    const orderPk = ofOrder === undefined ? "null" : "h_order_pk"
    yield* forEachPage<KeyRow, SqlError, SqlClient.SqlClient>(
      `select ${orderPk} as h_order_pk, ${column} as key, array[${parts.map((part) => `${part}::text`).join(", ")}] as parts
       from dds.${table}`,
      (rows) =>
        Effect.gen(function* () {
          findings.add(yield* withOrders(rows.flatMap((row) => wrongKey(derived, row))))
          yield* onRows(rows.length, `dds.${table}`)
        })
    )
  }
})
