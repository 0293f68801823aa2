/** A check that PostgreSQL does by itself: a query that finds what is wrong, and nothing when all holds. */
import { forEachPage } from "@metka/core/Cursor"
import { Effect } from "effect"
import type { CheckName, Difference, Findings, Remedy } from "./Difference.ts"

export interface SqlCheck {
  readonly check: CheckName
  readonly table: string
  readonly remedy: Remedy
  /** Gives the columns of `Found` but for the first, all as text. */
  readonly query: string
  /** `name as materialized (…)`, for the query to read: it is run once for all checks of one statement that have it. */
  readonly common?: string
}

interface Found {
  /** Which of the checks found it. */
  readonly check: number
  readonly object_id: string | null
  readonly what: string
  readonly held: string
  readonly wanted: string
  /** With `thing_id`, which row of a mart it is; null for other tables. */
  readonly user_id: string | null
  readonly thing_id: string | null
}

const differenceOf = ({ check, remedy, table }: SqlCheck, row: Found): Difference => ({
  check,
  order: row.object_id,
  table,
  what: row.what,
  is: row.held,
  shouldBe: row.wanted,
  remedy,
  ...(row.user_id === null || row.thing_id === null ? {} : { mart: { userId: row.user_id, thingId: row.thing_id } })
})

/** Each check costs a few round trips and hash tables: so many share one query. */
const togetherSize = 8

/** `onChecks` is told how many were done. */
export const runSqlChecks = Effect.fnUntraced(function* (
  checks: ReadonlyArray<SqlCheck>,
  findings: Findings,
  onChecks: (count: number, table: string) => Effect.Effect<void>
) {
  for (let start = 0; start < checks.length; start += togetherSize) {
    const together = checks.slice(start, start + togetherSize)
    const common = [...new Set(together.flatMap((check) => check.common ?? []))]
    const queries = together
      .map(({ query }, index) => `select ${index} as check, found.* from (${query}) found`)
      .join("\nunion all\n")
    const query = common.length === 0 ? queries : `with ${common.join(", ")}\n${queries}`
    yield* forEachPage<Found, never, never>(query, (rows) =>
      Effect.sync(() =>
        findings.add(
          rows.flatMap((row) => {
            const check = together[row.check]
            return check === undefined ? [] : [differenceOf(check, row)]
          })
        )
      )
    )
    yield* onChecks(together.length, together.at(-1)?.table ?? "")
  }
})
