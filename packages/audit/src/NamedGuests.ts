/** Every guest with the counters of the categories that an active rule looks at, and all tags. */
import { countsAsJson, type GuestRow, heldAsJson } from "@metka/cdm/GuestTags"

export interface NamedGuestRow extends GuestRow {
  readonly guest_id: string | null
}

/** @param where restricts the guests, by `user_id` */
export const guestRows = (where: string): string => `
  select user_id, guest_id, counts, held
  from (
    select user_id, ${countsAsJson}::text as counts from cdm.user_category_counters
    where category_id in (select category_id from cdm.tag_rules where active) and ${where} group by user_id
  ) counters
  full join (
    select user_id, ${heldAsJson}::text as held from cdm.user_tags where ${where} group by user_id
  ) tags using (user_id)
  left join cdm.guests using (user_id)`
