/** When guests last ordered: a campaign is for those who did lately, or wins back those who have not for long. */
import { DateTime, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"

/** PostgreSQL has no year 0000. */
const isInCalendar = (text: string): boolean =>
  /^(?!0000)\d{4}-\d\d-\d\d$/.test(text) &&
  Option.exists(DateTime.make(text), (day) => DateTime.formatIsoDateUtc(day) === text)

export const isDay = Schema.makeFilter<string>((text) => isInCalendar(text) || "a day of the calendar, as YYYY-MM-DD")

/** The days in which the last order was, in the business time zone; any where neither is set. */
export interface LastOrderSpan {
  /** On this day or later. */
  readonly orderedSince?: string
  /** Before this day. */
  readonly notOrderedSince?: string
}

export const isLimited = ({ notOrderedSince, orderedSince }: LastOrderSpan): boolean =>
  orderedSince !== undefined || notOrderedSince !== undefined

/**
 * Joins `last_order_dt` to guests: to all of them, or to those alone whose last order is in the span. Scans the ledger
 * once: an index by guest would be paid for by each order.
 * @param guests a table with `user_id`
 */
export const lastOrderOf = (
  sql: SqlClient.SqlClient,
  guests: string,
  { notOrderedSince, orderedSince }: LastOrderSpan
): Fragment => {
  const day = sql.literal("(last_order_dt at time zone 'UTC' at time zone (select time_zone from bi.settings))::date")
  const limits = [
    ...(orderedSince === undefined ? [] : [sql`${day} >= ${orderedSince}::date`]),
    ...(notOrderedSince === undefined ? [] : [sql`${day} < ${notOrderedSince}::date`])
  ]
  const lastOrders = sql.literal(`(
    select user_id, max(order_dt) as last_order_dt from cdm.order_contributions
    where product_ids <> '{}' and user_id in (select user_id from ${guests}) group by user_id) last_order`)
  return limits.length === 0
    ? sql`left join ${lastOrders} using (user_id)`
    : sql`join ${lastOrders} using (user_id) where ${sql.and(limits)}`
}
