/** A list of guests, however long: page by page for people, one part after the other for programs and files. */
import { Effect, Option, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"

export const ListedGuest = Schema.Struct({
  guest: Schema.String.annotate({ description: "The app's own id; the key in cdm where the app's id never came" }),
  orderCount: Schema.Int.annotate({ description: "The guest's counter of the category now" })
})
export type ListedGuest = typeof ListedGuest.Type

/** What a list selects, of `cdm.guests` and a table with counters. */
export const listedColumns = `coalesce(guest_id, user_id::text) collate "C" as guest, order_cnt as "orderCount"`

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

/**
 * Sorted by their ids.
 * @param list selects them
 * @param after of the ids after this one, or of all when `null`
 */
export const readPartAfter = Effect.fnUntraced(function* <Guest extends ListedGuest>(
  list: Fragment,
  after: string | null,
  limit: number
) {
  const sql = yield* SqlClient.SqlClient
  const members = yield* sql<Guest>`
    select * from (${list}) listed where ${after}::text is null or guest > ${after}::text
    order by guest limit ${limit}::int`
  const part: Part<Guest> = { members, next: members.length < limit ? null : (members.at(-1)?.guest ?? null) }
  return part
})

export const exportRows = 5_000

/** All guests of a list, a part after the other: one who comes to it or leaves it meanwhile may be left out. */
export const membersFrom = <Guest, E, R>(readAfter: (after: string | null) => Effect.Effect<Part<Guest>, E, R>) =>
  Stream.paginate<string | null, Guest, E, R>(null, (after) =>
    Effect.map(readAfter(after), ({ members, next }) => [members, Option.fromNullOr(next)])
  )

/** @param page from 1 on, of those with the most orders first */
export const readPageOf = Effect.fnUntraced(function* <Guest extends ListedGuest>(
  list: Fragment,
  page: number,
  pageSize: number
) {
  const sql = yield* SqlClient.SqlClient
  const [counted] = yield* sql<{ total: number }>`select count(*)::int as total from (${list}) listed`
  const members = yield* sql<Guest>`
    select * from (${list}) listed order by "orderCount" desc, guest
    limit ${pageSize}::int offset ${(page - 1) * pageSize}::int`
  return { members, total: counted?.total ?? 0 }
})
