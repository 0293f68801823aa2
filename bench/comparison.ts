/** Whether what the services made is what one load in SQL made: a fast wrong warehouse counts for nothing. */
import { Data, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { onDatabase } from "./database.ts"
import { martFaults, martTables, warehouseTables } from "./warehouse.ts"

/** A warehouse is not what it should be, so no figure of this run means anything. */
export class ResultsDiffer extends Data.TaggedError("ResultsDiffer")<{ readonly message: string }> {}

/** A query for each table: a row of it a `line`. */
type Tables = Readonly<Record<string, string>>

const shown = 5

/** Lines of `here` that `there` has not; as bags: a line that one side has twice counts twice. */
export const missingIn = (there: ReadonlyArray<string>, here: ReadonlyArray<string>): ReadonlyArray<string> => {
  const left = new Map<string, number>()
  for (const line of there) left.set(line, (left.get(line) ?? 0) + 1)
  return here.filter((line) => {
    const count = left.get(line) ?? 0
    left.set(line, count - 1)
    return count <= 0
  })
}

/** What differs in one table, for a person. */
export const describeDifferences = (
  table: string,
  found: ReadonlyArray<string>,
  expected: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const extra = missingIn(expected, found)
  const missing = missingIn(found, expected)
  const more = Math.max(0, extra.length - shown) + Math.max(0, missing.length - shown)
  return [
    ...extra.slice(0, shown).map((line) => `${table}: found, not expected: ${line}`),
    ...missing.slice(0, shown).map((line) => `${table}: expected, not found: ${line}`),
    ...(more > 0 ? [`${table}: and ${more} differences more`] : [])
  ]
}

const linesOf = (query: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql.unsafe<{ readonly line: string }>(query)
    return rows.map(({ line }) => line)
  })

interface Digest {
  readonly rows: number
  readonly digest: string
}

/** The lines stay where they are: most tables are the same, and some are large. */
const digests = Effect.fnUntraced(function* (tables: Tables) {
  const sql = yield* SqlClient.SqlClient
  const found = new Map<string, Digest>()
  for (const [table, query] of Object.entries(tables)) {
    const [row] = yield* sql.unsafe<Digest>(`select count(*)::int as rows,
      coalesce(md5(string_agg(md5(line), '' order by line collate "C")), '') as digest from (${query}) as present`)
    found.set(table, row ?? { rows: 0, digest: "" })
  }
  return found
})

/** What must be empty when the history is through. */
const leftovers = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<{ readonly what: string; readonly rows: number }>(`
    select 'orders parked' as what, count(*)::int as rows from stg.parked_orders
    union all select 'dead letters', count(*)::int from ops.dead_letters
    union all select 'tags not announced', count(*)::int from cdm.user_tag_history where published_at is null`)
  return rows.flatMap(({ rows, what }) => (rows === 0 ? [] : [`${rows} ${what}`]))
})

/** Compares these tables of both databases. Gives the rows of each table, and what differs. */
const compare = Effect.fnUntraced(function* (tables: Tables, url: string, expectedUrl: string) {
  const [found, expected] = yield* Effect.all(
    [onDatabase(url, digests(tables)), onDatabase(expectedUrl, digests(tables))],
    {
      concurrency: 2
    }
  )
  const differences: Array<string> = []
  for (const [table, query] of Object.entries(tables)) {
    const here = found.get(table)
    if (here?.rows === 0) differences.push(`${table}: empty, so nothing was compared`)
    if (here?.digest === expected.get(table)?.digest) continue
    const lines = yield* onDatabase(url, linesOf(query))
    differences.push(...describeDifferences(table, lines, yield* onDatabase(expectedUrl, linesOf(query))))
  }
  return { differences, rows: Object.fromEntries([...found].map(([table, { rows }]) => [table, rows])) }
})

const failOn = (what: string, differences: ReadonlyArray<string>) =>
  differences.length === 0
    ? Effect.void
    : Effect.fail(new ResultsDiffer({ message: `${what}:\n  ${differences.join("\n  ")}` }))

/** Compares all tables of the services with those of the load. Gives the rows of each; fails with `ResultsDiffer`. */
export const compareWarehouses = Effect.fnUntraced(function* (servicesUrl: string, loadUrl: string) {
  const left = yield* onDatabase(servicesUrl, leftovers)
  const { differences, rows } = yield* compare(warehouseTables, servicesUrl, loadUrl)
  yield* failOn("the services (found) and the load in SQL (expected) differ", [...left, ...differences])
  return rows
})

/** Compares the marts of two runs of CDM over the same messages; fails with `ResultsDiffer`. */
export const compareMarts = Effect.fnUntraced(function* (url: string, expectedUrl: string) {
  const { differences } = yield* compare(martTables, url, expectedUrl)
  yield* failOn("two runs of CDM over the same messages differ", differences)
})

/** Holds the marts against their own ledger and rules; fails with `ResultsDiffer`. */
export const checkMarts = Effect.fnUntraced(function* (url: string) {
  const faults: Array<string> = []
  for (const [fault, query] of Object.entries(martFaults)) {
    const lines = yield* onDatabase(url, linesOf(query))
    if (lines.length > 0) faults.push(`${fault}: ${lines.length} rows, for example ${lines[0]}`)
  }
  yield* failOn("the marts are wrong", faults)
})
