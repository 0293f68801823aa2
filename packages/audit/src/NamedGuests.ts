/** Every guest with the counters of the categories that an active rule looks at, all tags, and orders where a window does. */
import { countsAsJson, type GuestRow, heldAsJson, newestOrdersAsJson } from "@metka/cdm/GuestTags"

export interface NamedGuestRow extends GuestRow {
  readonly guest_id: string | null
}

/** @param where restricts the guests, by `user_id` */
export const guestRows = (where: string): string => `
  select user_id, guest_id, counts, held,
    case when is_windowed or holds_windowed then ${newestOrdersAsJson("coalesce(counters.user_id, tags.user_id)")} end as orders
  from (
    select user_id, ${countsAsJson}::text as counts, bool_or(order_cnt > window_threshold) as is_windowed
    from cdm.user_category_counters join (
      select category_id, min(threshold) filter (where window_days is not null) as window_threshold
      from cdm.tag_rules where active group by category_id
    ) rule using (category_id)
    where ${where} group by user_id
  ) counters
  full join (
    select user_id, ${heldAsJson}::text as held,
      bool_or(tag in (select tag from cdm.tag_rules where active and window_days is not null)) as holds_windowed
    from cdm.user_tags where ${where} group by user_id
  ) tags using (user_id)
  left join cdm.guests using (user_id)`
