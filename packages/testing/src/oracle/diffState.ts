import type { DatabaseState } from "./actual.ts"
import type { ExpectedState } from "./expectedState.ts"
import { type BusinessRow, type State, type Vault, type VaultTable, vaultTables } from "./State.ts"

/** A table of either side, ready to compare. The first `keys` columns say which row it is. */
interface Table {
  readonly name: string
  readonly columns: ReadonlyArray<string>
  readonly keys: number
  readonly expected: ReadonlyArray<BusinessRow>
  readonly actual: ReadonlyArray<BusinessRow>
  /** Rows that may be there though nothing demands them; `undefined`: any. */
  readonly tolerated: ReadonlyArray<BusinessRow> | undefined
}

const serialize = (row: BusinessRow) => JSON.stringify(row)

/** Long values are cut around the first character that differs, or the difference drowns in a payload. */
const excerpts = (expected: string, actual: string): readonly [string, string] => {
  let same = 0
  while (same < expected.length && expected[same] === actual[same]) same++
  const cut = (value: string) => {
    const from = Math.max(0, same - 40)
    return `${from > 0 ? "…" : ""}${value.slice(from, from + 120)}${value.length > from + 120 ? "…" : ""}`
  }
  return [cut(expected), cut(actual)]
}

const named = (columns: ReadonlyArray<string>, row: BusinessRow, from: number, to: number) =>
  row
    .slice(from, to)
    .map((value, index) => {
      const text = JSON.stringify(value)
      return `${columns[from + index]}=${text.length > 160 ? `${text.slice(0, 160)}…` : text}`
    })
    .join(" ")

const changes = (table: Table, wanted: BusinessRow, held: BusinessRow) =>
  wanted
    .flatMap((value, index) => {
      const other = held[index]
      if (value === other) return []
      const [expected, actual] = excerpts(JSON.stringify(value), JSON.stringify(other) ?? "absent")
      return [`${table.columns[index]} is ${actual}, expected ${expected}`]
    })
    .join("; ")

const diffTable = (table: Table): ReadonlyArray<string> => {
  const expected = new Set(table.expected.map(serialize))
  const tolerated = table.tolerated && new Set(table.tolerated.map(serialize))
  const seen = new Map<string, number>()
  for (const row of table.actual) seen.set(serialize(row), (seen.get(serialize(row)) ?? 0) + 1)
  const missing = table.expected.filter((row) => !seen.has(serialize(row)))
  const extra = table.actual.filter((row) => !expected.has(serialize(row)) && tolerated?.has(serialize(row)) !== false)
  const foreign = table.actual.filter(
    (row) => !expected.has(serialize(row)) && tolerated !== undefined && !tolerated.has(serialize(row))
  )
  const key = (row: BusinessRow) => serialize(row.slice(0, table.keys))
  const foreignByKey = new Map(foreign.map((row) => [key(row), row]))
  const toleratedByKey = new Map(extra.map((row) => [key(row), row]))
  const matched = new Set<BusinessRow>()
  const name = (row: BusinessRow) => named(table.columns, row, 0, table.keys)
  const lines = missing.map((row) => {
    const held = foreignByKey.get(key(row)) ?? toleratedByKey.get(key(row))
    if (held === undefined || table.keys === row.length) {
      return `${table.name}: missing ${named(table.columns, row, 0, row.length)}`
    }
    matched.add(held)
    return `${table.name}: ${name(row)}: ${changes(table, row, held)}`
  })
  for (const row of foreign) {
    if (!matched.has(row)) lines.push(`${table.name}: unexpected ${named(table.columns, row, 0, row.length)}`)
  }
  for (const [row, count] of seen) {
    if (count > 1) lines.push(`${table.name}: ${count} times ${row.slice(0, 160)}`)
  }
  return lines
}

type Compared = DatabaseState & Partial<Pick<State, "stgMessages">>

const objects = <A>(
  name: string,
  columns: ReadonlyArray<string>,
  keys: number,
  row: (value: A) => BusinessRow,
  expected: ReadonlyArray<A>,
  actual: ReadonlyArray<A>
): Table => ({ name, columns, keys, expected: expected.map(row), actual: actual.map(row), tolerated: [] })

/** How many leading columns identify a row; where not named here, all of them. */
const vaultKeys: Partial<Record<VaultTable, number>> = {
  orders: 1,
  userNames: 1,
  productNames: 1,
  restaurantNames: 1,
  orderCost: 1,
  orderStatus: 1,
  orderParties: 1,
  orderDishes: 2,
  orderDishLines: 2
}

const tolerated = (table: VaultTable, expected: ExpectedState): ReadonlyArray<BusinessRow> | undefined => {
  const superseded: Partial<Vault> = expected.vaultWithSuperseded
  return table === "orderDishLines" ? undefined : (superseded[table] ?? [])
}

const isVaultTable = (name: string): name is VaultTable => name in vaultTables

const vault = (expected: ExpectedState, actual: Compared): ReadonlyArray<Table> =>
  Object.keys(vaultTables)
    .filter(isVaultTable)
    .map((table) => ({
      name: `dds ${table}`,
      columns: vaultTables[table],
      keys: vaultKeys[table] ?? vaultTables[table].length,
      expected: expected.vault[table],
      actual: actual.vault[table],
      tolerated: tolerated(table, expected)
    }))

const tables = (expected: ExpectedState, actual: Compared): ReadonlyArray<Table> => [
  objects(
    "dead letters",
    ["topic", "partition", "offset"],
    3,
    ({ topic, partition, offset }) => [topic, partition, offset],
    expected.deadLetters,
    actual.deadLetters
  ),
  objects(
    "stg.order_events",
    ["object_id", "object_type", "sent_dttm", "payload"],
    1,
    (row) => [row.object_id, row.object_type, row.sent_dttm, row.payloadText],
    expected.stgOrderEvents,
    actual.stgOrderEvents
  ),
  objects(
    "stg.parked_orders",
    ["object_id", "guests", "restaurants", "dishes"],
    1,
    ({ object_id, missing }) => [object_id, missing.guests.join(), missing.restaurants.join(), missing.dishes.join()],
    expected.parked,
    actual.parked
  ),
  ...(actual.stgMessages === undefined
    ? []
    : [
        objects(
          "stg-service-orders",
          ["object_id", "key", "value"],
          1,
          ({ key, message }) => [message.object_id, key, JSON.stringify(message)],
          expected.stgMessages,
          actual.stgMessages
        )
      ]),
  ...vault(expected, actual),
  objects(
    "cdm.user_product_counters",
    ["user_id", "product_id", "product_name", "order_cnt"],
    2,
    (row) => [row.user_id, row.product_id, row.product_name, row.order_cnt],
    expected.userProductCounters,
    actual.userProductCounters
  ),
  objects(
    "cdm.user_category_counters",
    ["user_id", "category_name", "order_cnt"],
    2,
    (row) => [row.user_id, row.category_name, row.order_cnt],
    expected.userCategoryCounters,
    actual.userCategoryCounters
  ),
  objects(
    "cdm.user_tags",
    ["user_id", "tag", "category_name", "order_cnt"],
    2,
    (row) => [row.user_id, row.tag, row.category_name, row.order_cnt],
    expected.userTags,
    actual.userTags
  )
]

/**
 * Every difference as one line that names the table, the order, guest or dish and both values; at most `limit` (20)
 * lines and then a count of the rest. Empty: the two are the same. Messages are compared, member order included, only
 * when `actual` has them.
 */
export const diffState = (expected: ExpectedState, actual: Compared, limit = 20): ReadonlyArray<string> => {
  const lines = [
    ...expected.undecidable.map(
      (id) =>
        `order ${id}: its newest version waits, an older one does not: what counts depends on the order of arrival`
    ),
    ...tables(expected, actual).flatMap(diffTable)
  ]
  return lines.length <= limit ? lines : [...lines.slice(0, limit), `… and ${lines.length - limit} more differences`]
}
