/** Whom a campaign can aim at: how many guests have each tag, and which. */
import { activeRules } from "@metka/cdm/TagRepository"
import { inSnapshot } from "@metka/core/transaction"
import { Clock, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type GuestList, ListedGuest, listedColumns, partOf } from "./GuestList.ts"
import { nearSizes } from "./NearGuests.ts"
import { NullOrRuleWindow, windowColumn } from "./RuleWindow.ts"
import { ruleOf, type UnknownTag } from "./UnknownTag.ts"

/** The guests of an active rule's tag, as many as there are now. */
export const Audience = Schema.Struct({
  tag: Schema.String,
  category: Schema.String,
  threshold: Schema.Int.annotate({
    description: "A guest has the tag while the counter is greater; by a rule with a window, once that of the window is"
  }),
  window: NullOrRuleWindow,
  version: Schema.Int,
  guests: Schema.Int,
  nearGuests: Schema.NullOr(Schema.Int).annotate({
    description: "Guests whom one more order now would give the tag; null where that is everybody else"
  })
})
export type Audience = typeof Audience.Type

/** How many guests have the tag of each active rule. */
export const audienceSizes = `select rule.tag, count(held.user_id)::int as guests
  from cdm.tag_rules rule left join cdm.user_tags held using (tag)
  where rule.active group by rule.tag`

/** Sorted by tag. */
export const readAudiences = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rules = yield* activeRules
  const now = new Date(yield* Clock.currentTimeMillis)
  return yield* sql<Audience>`
    select rule.tag, rule.category_name as category, rule.threshold, ${sql.literal(windowColumn)}, rule.version,
      audience.guests,
      case when rule.threshold > 0 then coalesce(near.guests, 0) end as "nearGuests"
    from cdm.tag_rules rule
    join (${sql.literal(audienceSizes)}) audience using (tag)
    left join (${nearSizes(sql, rules, now)}) near using (tag)
    where rule.active order by rule.tag collate "C"`
}).pipe(inSnapshot)

const { lastOrderAt, ...firstFields } = ListedGuest.fields

/** Fields are the columns of a file, which some read by their place: a new one is the last. */
export const Member = Schema.Struct({ ...firstFields, givenAt: Schema.Date, lastOrderAt })
export type Member = typeof Member.Type

export const Members = partOf(Member)

/** The guests with a tag. */
export const taggedGuests: GuestList<Member, UnknownTag> = {
  guest: Member,
  ruleOf,
  guests: (sql, { tag }) => sql`select ${sql.literal(listedColumns)}, given_at as "givenAt"
    from cdm.user_tags held left join cdm.guests using (user_id) where held.tag = ${tag}`
}
