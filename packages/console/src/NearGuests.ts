/** Whom one more order would give a tag: whom a nudge is for. */
import { isWindowed, type TagRule } from "@metka/cdm/rules"
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"
import { type GuestList, ListedGuest, listedColumns, partOf } from "./GuestList.ts"
import { ruleOf, type UnknownTag } from "./UnknownTag.ts"

/** They are everybody who does not have the tag, the app's guests who never ordered included: no list here has these. */
export class EverybodyIsNear extends Schema.TaggedError<EverybodyIsNear>()("EverybodyIsNear", {
  tag: Schema.String,
  message: Schema.String
}) {}

const everybodyIsNear = (tag: string, category: string): EverybodyIsNear =>
  new EverybodyIsNear({
    tag,
    message:
      `everybody without the tag «${tag}» is one order with «${category}» short of it, also guests who have never ` +
      "ordered and are in no list here. Take the app's own list of guests, and leave out those with the tag"
  })

/** A tag that is held all the same, as by a mistake that `metka verify` finds, needs no nudge. */
const isWithoutTag = (tag: string): string => `not exists (
  select from cdm.user_tags held where held.user_id = counter.user_id and held.tag = ${tag})`

/** Of the rules that count orders of any time: one order too few. */
const nearByCounter = (sql: SqlClient.SqlClient): Fragment => sql`
  select rule.tag, counter.user_id, counter.order_cnt from cdm.tag_rules rule
  join cdm.user_category_counters counter using (category_id)
  where rule.active and rule.window_days is null and counter.order_cnt = rule.threshold
    and ${sql.literal(isWithoutTag("rule.tag"))}`

/**
 * Of the rules with a window: one order too few in that which an order now would end. The ledger is gone through once,
 * for all of them: guest by guest, for each rule, takes several times as long. Of a threshold of 0 there is no list.
 */
const nearByWindow = (sql: SqlClient.SqlClient, now: Date): Fragment => sql`
  select tag, counter.user_id, order_cnt from (
    select rule.tag, user_id, rule.threshold as order_cnt
    from cdm.tag_rules rule join cdm.order_contributions ledger on rule.category_id = any(ledger.category_ids)
    where rule.active and rule.window_days is not null and rule.threshold > 0
      and order_dt > ${now.toISOString()}::timestamp - make_interval(days => rule.window_days)
      and order_dt <= ${now.toISOString()}::timestamp
    group by rule.tag, user_id, rule.threshold having count(*) = rule.threshold
  ) counter where ${sql.literal(isWithoutTag("counter.tag"))}`

/**
 * How many guests lack one order, of each active rule of which any does. The planner does not know which rules have a
 * window: for none, what it expects of the ledger would cost more than all the rest.
 */
export const nearSizes = (sql: SqlClient.SqlClient, rules: ReadonlyArray<TagRule>, now: Date): Fragment => {
  const byWindow = rules.some(isWindowed) ? sql`union all ${nearByWindow(sql, now)}` : sql``
  return sql`select tag, count(*)::int as guests from (${nearByCounter(sql)} ${byWindow}) near group by tag`
}

export const NearGuests = partOf(ListedGuest)

/** The guests whom one more order now would give a tag. */
export const nearGuests: GuestList<ListedGuest, UnknownTag | EverybodyIsNear> = {
  guest: ListedGuest,
  ruleOf: Effect.fnUntraced(function* (tag) {
    const rule = yield* ruleOf(tag)
    return rule.threshold > 0 ? rule : yield* everybodyIsNear(tag, rule.categoryName)
  }),
  guests: (sql, rule, now) => sql`select ${sql.literal(listedColumns)}
    from (${isWindowed(rule) ? nearByWindow(sql, now) : nearByCounter(sql)}) near left join cdm.guests using (user_id)
    where near.tag = ${rule.tag}`
}
