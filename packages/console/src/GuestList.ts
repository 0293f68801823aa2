/** The guests of a tag, or those near it: page by page for people, one part after the other for programs and files. */
import type { TagRule } from "@metka/cdm/rules"
import { inSnapshot } from "@metka/core/transaction"
import { Clock, Effect, Option, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import { isLimited, lastOrderOf, type LastOrderSpan } from "./LastOrder.ts"

export const ListedGuest = Schema.Struct({
  guest: Schema.String.annotate({ description: "The app's own id; the key in cdm where the app's id never came" }),
  orderCount: Schema.Int.annotate({
    description:
      "The guest's counter of the category now; by a rule with a window, that of the window at the guest's newest order, " +
      "or up to now for one who is near the tag"
  }),
  lastOrderAt: Schema.NullOr(Schema.Date).annotate({
    description: "Of the guest's orders of any category that are CLOSED now, with dishes; null where none has a date"
  })
})
export type ListedGuest = typeof ListedGuest.Type

/** What a list selects, of `cdm.guests` and a table with counters. */
export const listedColumns = `user_id, coalesce(guest_id, user_id::text) collate "C" as guest, order_cnt as "orderCount"`

export interface GuestList<Guest extends ListedGuest, E> {
  /** Its fields are what is told of each. */
  readonly guest: Schema.Schema<Guest> & { readonly fields: Schema.Struct.Fields }
  /** Fails where there is no such list. */
  readonly ruleOf: (tag: string) => Effect.Effect<TagRule, E | SqlError, SqlClient.SqlClient>
  /** Selects `listedColumns`, and further fields. */
  readonly guests: (sql: SqlClient.SqlClient, rule: TagRule, now: Date) => Fragment
}

export const partOf = <Guest extends Schema.Constraint>(guest: Guest) =>
  Schema.Struct({
    members: Schema.Array(guest),
    next: Schema.NullOr(Schema.String).annotate({
      description: "Ask for those after this id; null when these are the last"
    })
  })

export interface Part<Guest> {
  readonly members: ReadonlyArray<Guest>
  readonly next: string | null
}

const currentTime = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis))

const columnsOf = ({ fields }: { readonly fields: Schema.Struct.Fields }): ReadonlyArray<string> =>
  Object.keys(fields).map((name) =>
    name === "lastOrderAt" ? `last_order_dt at time zone 'UTC' as "lastOrderAt"` : `"${name}"`
  )

/** The last orders of all guests are looked up only where they decide who is in the list. */
const readSlice = Effect.fnUntraced(function* <Row extends object>(
  columns: ReadonlyArray<string>,
  guests: Fragment,
  span: LastOrderSpan,
  order: string,
  slice: Fragment
) {
  const sql = yield* SqlClient.SqlClient
  const sorted = sql.literal(`order by ${order}`)
  const [before, after] = isLimited(span) ? [sql``, slice] : [sql`${sorted} ${slice}`, sql``]
  return yield* sql<Row>`
    with asked as materialized (select * from (${guests}) listed ${before})
    select ${sql.literal(columns.join(", "))} from asked ${lastOrderOf(sql, "asked", span)} ${sorted} ${after}`
})

/**
 * Sorted by their ids.
 * @param after of the ids after this one, or of all when `null`
 */
export const readGuestsAfter = Effect.fnUntraced(function* <Guest extends ListedGuest, E>(
  { guest, guests, ruleOf }: GuestList<Guest, E>,
  tag: string,
  span: LastOrderSpan,
  after: string | null,
  limit: number
) {
  const sql = yield* SqlClient.SqlClient
  const listed = guests(sql, yield* ruleOf(tag), yield* currentTime)
  const left = sql`select * from (${listed}) listed where ${after}::text is null or guest > ${after}::text`
  const members = yield* readSlice<Guest>(columnsOf(guest), left, span, "guest", sql`limit ${limit}::int`)
  const part: Part<Guest> = { members, next: members.length < limit ? null : (members.at(-1)?.guest ?? null) }
  return part
}, inSnapshot)

/** How many guests a part has for a file: each part sorts those of the list that are left. */
export const exportRows = 20_000

/** All guests of a list, a part after the other: one who comes to it or leaves it meanwhile may be left out. */
export const membersFrom = <Guest, E, R>(
  readAfter: (after: string | null) => Effect.Effect<Part<Guest>, E, R>,
  after: string | null = null
) =>
  Stream.paginate<string | null, Guest, E, R>(after, (after) =>
    Effect.map(readAfter(after), ({ members, next }) => [members, Option.fromNullOr(next)])
  )

const countOf = Effect.fnUntraced(function* (guests: Fragment, span: LastOrderSpan) {
  const sql = yield* SqlClient.SqlClient
  const [counted] = yield* sql<{ total: number }>`
    with asked as materialized (${guests})
    select count(*)::int as total from asked ${isLimited(span) ? lastOrderOf(sql, "asked", span) : sql``}`
  return counted?.total ?? 0
})

/** @param page from 1 on, of those with the most orders first */
export const readGuestPage = Effect.fnUntraced(function* <Guest extends ListedGuest, E>(
  { guest, guests, ruleOf }: GuestList<Guest, E>,
  tag: string,
  span: LastOrderSpan,
  page: number,
  pageSize: number
) {
  const sql = yield* SqlClient.SqlClient
  const rule = yield* ruleOf(tag)
  const listed = guests(sql, rule, yield* currentTime)
  const members = yield* readSlice<Guest & { readonly inSpan: number }>(
    [...columnsOf(guest), `(count(*) over ())::int as "inSpan"`],
    listed,
    span,
    `"orderCount" desc, guest`,
    sql`limit ${pageSize}::int offset ${(page - 1) * pageSize}::int`
  )
  // A limited list is read whole for any of its pages: to count it apart would read it once more.
  const counted = isLimited(span) ? members[0]?.inSpan : undefined
  return { rule, members, total: counted ?? (yield* countOf(listed, span)) }
}, inSnapshot)
