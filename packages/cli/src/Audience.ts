/** The guests with a tag, for a campaign. */
import { activeRules } from "@metka/cdm/TagRepository"
import { inSnapshot } from "@metka/core/transaction"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { printable, tableLines } from "./terminal.ts"
import { noRules, unknownTag } from "./UnknownTag.ts"

interface Audience {
  readonly tag: string
  readonly guests: number
}

/** How many guests have the tag of each active rule. */
export const audienceSizes = `select rule.tag, count(held.user_id)::int as guests
  from cdm.tag_rules rule left join cdm.user_tags held using (tag)
  where rule.active group by rule.tag`

/** Sorted by tag. */
export const readAudiences = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Audience>`${sql.literal(audienceSizes)} order by rule.tag collate "C"`
})

/** The app's own ids, as `guest-tags` has them, sorted. Fails where no active rule gives the tag. */
export const readAudience = Effect.fnUntraced(function* (tag: string) {
  const sql = yield* SqlClient.SqlClient
  const tags = (yield* activeRules).map((rule) => rule.tag)
  if (!tags.includes(tag)) return yield* unknownTag(tag, tags)
  const rows = yield* sql<{ guest: string }>`
    select coalesce(guest_id, user_id::text) as guest
    from cdm.user_tags held left join cdm.guests using (user_id)
    where held.tag = ${tag} order by coalesce(guest_id, user_id::text) collate "C"`
  return rows.map(({ guest }) => guest)
}, inSnapshot)

export interface Listed {
  readonly guests: ReadonlyArray<string>
  /** An id comes from messages: one with a line break would name another guest. */
  readonly unprintable: ReadonlyArray<string>
}

/** What stands on a line each. */
export const listed = (guests: ReadonlyArray<string>): Listed => ({
  guests: guests.filter((guest) => printable(guest) === guest),
  unprintable: guests.filter((guest) => printable(guest) !== guest)
})

/** For a terminal. */
export const audiencesText = (audiences: ReadonlyArray<Audience>): string =>
  audiences.length === 0
    ? `${noRules}.`
    : tableLines([["tag", "guests"], ...audiences.map(({ guests, tag }) => [printable(tag), String(guests)])]).join(
        "\n"
      )
