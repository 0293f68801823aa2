/** Guests as a query brings them, a row each with their counters and tags, and what the rules make of their tags. */
import { usualPage } from "@metka/core/Cursor"
import {
  type CategoryCount,
  decideTags,
  type HeldTag,
  isWindowed,
  missingCounts,
  type TagChanges,
  type TagRule
} from "./rules.ts"
import { type DatedOrder, mostOrders } from "./windows.ts"

/** A guest's counters of categories, tags and orders: JSON as the aggregates below make it, or null where there are none. */
export interface GuestRow {
  readonly user_id: string
  readonly counts: string | null
  readonly held: string | null
  /** The newest that have a date, or null for a guest about whom no rule with a window decides. */
  readonly orders: string | null
}

/** A page of guests may bring a change of each of the tags for every one of them: all of these are in memory at once. */
const mostChanges = 20_000

/** A window asks for the orders of them all. */
const pageWithOrders = 200

/** How many guests to decide about at once, where so many tags are in question. */
export const guestsInPage = (rules: ReadonlyArray<TagRule>, tags = rules.length): number =>
  Math.min(rules.some(isWindowed) ? pageWithOrders : usualPage, Math.ceil(mostChanges / Math.max(1, tags)))

export const countsAsJson = "json_agg(json_build_array(category_id, order_cnt))"
export const heldAsJson = "json_agg(json_build_array(tag, category_id, order_cnt, rule_version))"

/** @param userId as SQL has it */
export const newestOrdersAsJson = (userId: string): string => `(
  select json_agg(json_build_array(floor(extract(epoch from order_dt) * 1000), category_ids) order by order_dt)::text
  from (
    select order_dt, category_ids from cdm.order_contributions ledger
    where ledger.user_id = ${userId} and order_dt is not null order by order_dt desc, order_id desc limit ${mostOrders}
  ) newest
)`

const countsOf = ({ counts, user_id: userId }: GuestRow): ReadonlyArray<CategoryCount> => {
  const rows: ReadonlyArray<readonly [string, number]> = JSON.parse(counts ?? "[]")
  return rows.map(([categoryId, orderCount]) => ({ userId, categoryId, orderCount }))
}

export const heldBy = ({ held, user_id: userId }: GuestRow): ReadonlyArray<HeldTag> => {
  const rows: ReadonlyArray<readonly [string, string, number, number]> = JSON.parse(held ?? "[]")
  return rows.map(([tag, categoryId, orderCount, ruleVersion]) => ({
    userId,
    tag,
    categoryId,
    orderCount,
    ruleVersion
  }))
}

export const datedOrders = (orders: string | null): ReadonlyArray<DatedOrder> => {
  const rows: ReadonlyArray<readonly [number, ReadonlyArray<string>]> = JSON.parse(orders ?? "[]")
  return rows.map(([at, categoryIds]) => ({ at, categoryIds }))
}

/** What must change among the tags of these guests; nothing when they are what the rules give. */
export const guestChanges = (rules: ReadonlyArray<TagRule>, guests: ReadonlyArray<GuestRow>): TagChanges => {
  const counts = guests.flatMap(countsOf)
  const held = guests.flatMap(heldBy)
  const orders = new Map(guests.map((guest) => [guest.user_id, datedOrders(guest.orders)]))
  return decideTags(rules, { counts: [...counts, ...missingCounts(rules, counts, held)], orders }, held)
}
