/** Whom a campaign can aim at: how many guests have each tag, and which. */
import { inSnapshot } from "@metka/core/transaction"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { ListedGuest, listedColumns, partOf, readPageOf, readPartAfter } from "./GuestList.ts"
import { nearSizes } from "./NearGuests.ts"
import { ruleOf } from "./UnknownTag.ts"

/** The guests of an active rule's tag, as many as there are now. */
export const Audience = Schema.Struct({
  tag: Schema.String,
  category: Schema.String,
  threshold: Schema.Int.annotate({ description: "A guest has the tag while the counter is greater" }),
  version: Schema.Int,
  guests: Schema.Int,
  nearGuests: Schema.NullOr(Schema.Int).annotate({
    description: "Guests whom one more order would give the tag; null where that is everybody else"
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
  return yield* sql<Audience>`
    select rule.tag, rule.category_name as category, rule.threshold, rule.version, audience.guests,
      case when rule.threshold > 0 then coalesce(near.guests, 0) end as "nearGuests"
    from cdm.tag_rules rule
    join (${sql.literal(audienceSizes)}) audience using (tag)
    left join (${sql.literal(nearSizes)}) near using (tag)
    where rule.active order by rule.tag collate "C"`
})

export const Member = Schema.Struct({ ...ListedGuest.fields, givenAt: Schema.Date })
export type Member = typeof Member.Type

export const Members = partOf(Member)

const membersOf = (sql: SqlClient.SqlClient, tag: string) => sql`
  select ${sql.literal(listedColumns)}, given_at as "givenAt"
  from cdm.user_tags held left join cdm.guests using (user_id) where held.tag = ${tag}`

/** Guests with the tag. Fails where no active rule gives it. */
export const readMembersAfter = Effect.fnUntraced(function* (tag: string, after: string | null, limit: number) {
  const sql = yield* SqlClient.SqlClient
  yield* ruleOf(tag)
  return yield* readPartAfter<Member>(membersOf(sql, tag), after, limit)
}, inSnapshot)

/** Fails where no active rule gives the tag. */
export const readMemberPage = Effect.fnUntraced(function* (tag: string, page: number, pageSize: number) {
  const sql = yield* SqlClient.SqlClient
  const rule = yield* ruleOf(tag)
  return { rule, ...(yield* readPageOf<Member>(membersOf(sql, tag), page, pageSize)) }
}, inSnapshot)
