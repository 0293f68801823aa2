/** Whom one more order would give a tag: whom a nudge is for. */
import { Effect, Schema } from "effect"
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

const countersOfRules = "cdm.tag_rules rule join cdm.user_category_counters counter using (category_id)"

/** One order too few; a tag that is held all the same, as by a mistake that `metka verify` finds, needs no nudge. */
const isNear = `rule.active and counter.order_cnt = rule.threshold and not exists (
  select from cdm.user_tags held where held.user_id = counter.user_id and held.tag = rule.tag)`

/** How many guests lack one order, of each active rule of which any does. */
export const nearSizes = `select rule.tag, count(*)::int as guests
  from ${countersOfRules} where ${isNear} group by rule.tag`

export const NearGuests = partOf(ListedGuest)

/** The guests whom one more order would give a tag. */
export const nearGuests: GuestList<ListedGuest, UnknownTag | EverybodyIsNear> = {
  guest: ListedGuest,
  ruleOf: Effect.fnUntraced(function* (tag) {
    const rule = yield* ruleOf(tag)
    return rule.threshold > 0 ? rule : yield* everybodyIsNear(tag, rule.categoryName)
  }),
  guests: (sql, tag) => sql`select ${sql.literal(listedColumns)}
    from ${sql.literal(countersOfRules)} left join cdm.guests using (user_id)
    where ${sql.literal(isNear)} and rule.tag = ${tag}`
}
