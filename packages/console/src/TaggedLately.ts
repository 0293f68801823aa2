/** Guests who were given a tag lately: whom to look at for one who has no guest in mind. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

export interface TaggedLately {
  /** The app's own id; the key in `cdm` where the app's id never came. */
  readonly guest: string
  /** The newest of their tags. */
  readonly tag: string
  readonly givenAt: Date
}

const guestCount = 5
/** A guest may have been given several tags. */
const givings = 50

export const readTaggedLately = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<TaggedLately>`
    select guest, tag, "givenAt" from (
      select distinct on (user_id) coalesce(guest_id, user_id::text) collate "C" as guest, tag, given_at as "givenAt"
      from (
        select user_id, tag, given_at from cdm.user_tags order by given_at desc, user_id, tag limit ${givings}::int
      ) newest
      left join cdm.guests using (user_id) order by user_id, given_at desc, tag
    ) guests
    order by "givenAt" desc, guest limit ${guestCount}::int`
})
