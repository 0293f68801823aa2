/** The tags of guests, as they are and as the rules give them, guest by guest. */
import {
  type CategoryCount,
  decideTags,
  type HeldTag,
  missingCounts,
  type TagChanges,
  type TagRule
} from "@metka/cdm/rules"

/** A guest's counters of the categories that a rule looks at, and tags: JSON, or null where there are none. */
export interface GuestRow {
  readonly user_id: string
  readonly guest_id: string | null
  readonly counts: string | null
  readonly held: string | null
}

/** @param where restricts the guests, by `user_id` */
export const guestRows = (where: string): string => `
  select user_id, guest_id, counts, held
  from (
    select user_id, json_agg(json_build_array(category_id, order_cnt))::text as counts from cdm.user_category_counters
    where category_id in (select category_id from cdm.tag_rules where active) and ${where} group by user_id
  ) counters
  full join (
    select user_id, json_agg(json_build_array(tag, category_id, order_cnt, rule_version))::text as held
    from cdm.user_tags where ${where} group by user_id
  ) tags using (user_id)
  left join cdm.guests using (user_id)`

/** What must change among a guest's tags; nothing when they are what the rules give. */
export const tagChanges = (rules: ReadonlyArray<TagRule>, { counts, held, user_id: userId }: GuestRow) => {
  const heldTags = heldOf(userId, held)
  const counters = countsOf(userId, counts)
  const changes = decideTags(rules, [...counters, ...missingCounts(rules, counters, heldTags)], heldTags)
  return { changes, heldTags }
}

export const isSettled = ({ given, taken, updated }: TagChanges): boolean =>
  given.length === 0 && taken.length === 0 && updated.length === 0

const countsOf = (userId: string, json: string | null): ReadonlyArray<CategoryCount> => {
  const counts: ReadonlyArray<readonly [string, number]> = JSON.parse(json ?? "[]")
  return counts.map(([categoryId, orderCount]) => ({ userId, categoryId, orderCount }))
}

const heldOf = (userId: string, json: string | null): ReadonlyArray<HeldTag> => {
  const tags: ReadonlyArray<readonly [string, string, number, number]> = JSON.parse(json ?? "[]")
  return tags.map(([tag, categoryId, orderCount, ruleVersion]) => ({
    userId,
    tag,
    categoryId,
    orderCount,
    ruleVersion
  }))
}
