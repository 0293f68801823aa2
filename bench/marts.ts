/** What the marts say by business keys, the same question to both databases, whose surrogate keys differ. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { onDatabase } from "./database.ts"

const queries = {
  "cdm.user_product_counters": `
    select concat_ws(' · ', guest.user_id, product.product_id, counter.product_name, counter.order_cnt) as line
    from cdm.user_product_counters counter
    join dds.h_user guest on guest.h_user_pk = counter.user_id
    join dds.h_product product on product.h_product_pk = counter.product_id`,
  "cdm.user_category_counters": `
    select concat_ws(' · ', guest.user_id, category.category_name, counter.category_name, counter.order_cnt) as line
    from cdm.user_category_counters counter
    join dds.h_user guest on guest.h_user_pk = counter.user_id
    join dds.h_category category on category.h_category_pk = counter.category_id`,
  "cdm.user_tags": `
    select concat_ws(' · ', guest.user_id, tag.tag, category.category_name, tag.order_cnt) as line
    from cdm.user_tags tag
    join dds.h_user guest on guest.h_user_pk = tag.user_id
    join dds.h_category category on category.h_category_pk = tag.category_id`
} as const

/** Both must have built as much of the vault, or one has it easier. */
const counted = [
  "stg.order_events",
  ...["user", "product", "category", "restaurant", "order"].map((name) => `dds.h_${name}`),
  ...["order_product", "order_user", "product_category", "product_restaurant"].map((name) => `dds.l_${name}`),
  "cdm.user_product_counters",
  "cdm.user_category_counters",
  "cdm.user_tags"
]

const read = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const lines = new Map<string, ReadonlyArray<string>>()
  for (const [name, query] of Object.entries(queries)) {
    const rows = yield* sql.unsafe<{ readonly line: string }>(query)
    lines.set(
      name,
      rows.map(({ line }) => line)
    )
  }
  const counts = new Map<string, number>()
  for (const table of counted) {
    const [row] = yield* sql.unsafe<{ readonly rows: number }>(`select count(*)::int as rows from ${table}`)
    counts.set(table, row?.rows ?? 0)
  }
  return { lines, counts }
})

export interface Comparison {
  readonly rows: Readonly<Record<string, number>>
  /** None when both databases say the same. */
  readonly differences: ReadonlyArray<string>
}

const shown = 5

/** As bags: a row that one side has twice counts twice. */
const missingIn = (there: ReadonlyArray<string>, here: ReadonlyArray<string>): ReadonlyArray<string> => {
  const left = new Map<string, number>()
  for (const line of there) left.set(line, (left.get(line) ?? 0) + 1)
  return here.filter((line) => {
    const count = left.get(line) ?? 0
    left.set(line, count - 1)
    return count <= 0
  })
}

/** Compares what the services made with what the one load made. */
export const compareMarts = Effect.fnUntraced(function* (historyUrl: string, baselineUrl: string) {
  const history = yield* onDatabase(historyUrl, read)
  const baseline = yield* onDatabase(baselineUrl, read)
  const differences: Array<string> = []
  for (const [table, rows] of history.counts) {
    const expected = baseline.counts.get(table)
    if (rows !== expected) differences.push(`${table}: ${rows} rows, ${expected} in the baseline`)
    if (rows === 0) differences.push(`${table}: empty, so nothing was compared`)
  }
  for (const [table, lines] of history.lines) {
    const expected = baseline.lines.get(table) ?? []
    // A join that loses rows would hide them from the comparison.
    if (lines.length !== history.counts.get(table)) differences.push(`${table}: rows without a hub`)
    const extra = missingIn(expected, lines)
    const missing = missingIn(lines, expected)
    for (const line of extra.slice(0, shown)) differences.push(`${table}: only in the services' result: ${line}`)
    for (const line of missing.slice(0, shown)) differences.push(`${table}: only in the baseline: ${line}`)
    const more = Math.max(0, extra.length - shown) + Math.max(0, missing.length - shown)
    if (more > 0) differences.push(`${table}: and ${more} differences more`)
  }
  const comparison: Comparison = { rows: Object.fromEntries(history.counts), differences }
  return comparison
})

/** What must be empty when the history is through. */
export const leftovers = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<{ readonly what: string; readonly rows: number }>(`
    select 'orders parked' as what, count(*)::int as rows from stg.parked_orders
    union all select 'dead letters', count(*)::int from ops.dead_letters
    union all select 'tags not announced', count(*)::int from cdm.user_tag_history where published_at is null`)
  return rows.flatMap(({ rows, what }) => (rows === 0 ? [] : [`${rows} ${what}`]))
})
