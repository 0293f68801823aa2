/** When guests last ordered: a campaign is for those who did lately, or wins back those who have not for long. */
import { DateTime, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"

/** PostgreSQL has no year 0000. */
const isInCalendar = (text: string): boolean =>
  /^(?!0000)\d{4}-\d\d-\d\d$/.test(text) &&
  Option.exists(DateTime.make(text), (day) => DateTime.formatIsoDateUtc(day) === text)

export const isDay = Schema.makeFilter<string>(
  (text) => isInCalendar(text) || "must be a day of the calendar, as YYYY-MM-DD"
)

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
 * Joins `last_order_dt` to guests: to all of them, or to those alone whose last order is in the span.
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
  // One look into the index for each guest: a maximum that is grouped by guest reads all of their orders.
  const lastOrders = sql.literal(`cross join lateral (
    select max(order_dt) as last_order_dt from cdm.order_contributions ledger
    where ledger.user_id = ${guests}.user_id and product_ids <> '{}') last_order`)
  return limits.length === 0 ? lastOrders : sql`${lastOrders} where ${sql.and(limits)}`
}
