/** Keys and hashdiffs of the vault, every row of it: each must be the UUID of what it identifies. */
import { forEachPage } from "@metka/core/Cursor"
import { uuidOf } from "@metka/core/Uuid"
import { Effect } from "effect"
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
  readonly order: string | null
  readonly key: string
  readonly parts: ReadonlyArray<string | null>
}

/** `numeric` comes as PostgreSQL spells it; the hashdiff was made of JavaScript's spelling. */
const spelled = (column: string, text: string): string =>
  column === "cost" || column === "payment" ? String(Number(text)) : text

const wrongKey = ({ column, parts, table }: DerivedColumn, row: KeyRow): ReadonlyArray<Difference> => {
  const texts = parts.flatMap((part, index) => {
    const text = row.parts[index]
    return text === null || text === undefined ? [] : [spelled(part, text)]
  })
  const shouldBe = uuidOf(table, ...texts)
  if (shouldBe === row.key) return []
  return [
    {
      check: "keys",
      order: row.order,
      table: `dds.${table}`,
      what: `${column} of ${texts.join(", ")}`,
      is: row.key,
      shouldBe,
      remedy: "retake"
    }
  ]
}

/** `onRows` is told how many rows were looked at. */
export const checkDerivedKeys = Effect.fnUntraced(function* (
  findings: Findings,
  onRows: (count: number, table: string) => Effect.Effect<void>
) {
  for (const derived of derivedColumns) {
    const { column, ofOrder, parts, table } = derived
    const order = ofOrder === undefined ? "null" : "hub.order_id::text"
    const join = ofOrder === undefined ? "" : "left join dds.h_order hub on hub.h_order_pk = held.h_order_pk"
    yield* forEachPage<KeyRow, never, never>(
      `select ${order} as order, held.${column} as key, array[${parts.map((part) => `held.${part}::text`).join(", ")}] as parts
       from dds.${table} held ${join}`,
      (rows) =>
        Effect.suspend(() => {
          findings.add(rows.flatMap((row) => wrongKey(derived, row)))
          return onRows(rows.length, `dds.${table}`)
        })
    )
  }
})
