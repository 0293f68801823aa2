/** A check that PostgreSQL does by itself: a query that finds what is wrong, and nothing when all holds. */
import { Effect } from "effect"
import { forEachPage } from "./Cursor.ts"
import type { CheckName, Difference, Findings, Remedy } from "./Difference.ts"

/** What a query of a check gives, all as text. `user_id` and `thing_id` say which row of a mart it is. */
interface Found {
  readonly object_id: string | null
  readonly what: string
  readonly held: string
  readonly wanted: string
  readonly user_id?: string
  readonly thing_id?: string
}

export interface SqlCheck {
  readonly check: CheckName
  readonly table: string
  readonly remedy: Remedy
  /** Gives the columns of `Found`. */
  readonly query: string
}

export const runSqlCheck = ({ check, query, remedy, table }: SqlCheck, findings: Findings) =>
  forEachPage<Found, never, never>(query, (rows) =>
    Effect.sync(() =>
      findings.add(
        rows.map((row): Difference => ({
          check,
          order: row.object_id,
          table,
          what: row.what,
          is: row.held,
          shouldBe: row.wanted,
          remedy,
          ...(row.user_id === undefined || row.thing_id === undefined
            ? {}
            : { mart: { userId: row.user_id, thingId: row.thing_id } })
        }))
      )
    )
  )
