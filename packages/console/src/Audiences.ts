/** Whom a campaign can aim at: how many guests have each tag, and which. */
import { activeRules } from "@metka/cdm/TagRepository"
import { inSnapshot } from "@metka/core/transaction"
import { Effect, Option, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { unknownTag } from "./UnknownTag.ts"

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

/** How many guests have as many orders as each active rule's threshold, which is one too few. */
const nearSizes = `select rule.tag, count(*)::int as guests
  from cdm.tag_rules rule join cdm.user_category_counters counter using (category_id)
  where rule.active and counter.order_cnt = rule.threshold group by rule.tag`

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

export const Member = Schema.Struct({
  guest: Schema.String.annotate({ description: "The app's own id; the key in cdm where the app's id never came" }),
  orderCount: Schema.Int.annotate({ description: "The guest's counter of the category now" }),
  givenAt: Schema.Date
})
export type Member = typeof Member.Type

/** Fails where no active rule gives the tag. */
export const ruleOf = Effect.fnUntraced(function* (tag: string) {
  const rules = yield* activeRules
  return rules.find((rule) => rule.tag === tag) ?? (yield* unknownTag(tag, rules))
})

const guestKey = 'coalesce(guest_id, user_id::text) collate "C"'

const memberColumns = `${guestKey} as guest, order_cnt as "orderCount", given_at as "givenAt"`

export const Members = Schema.Struct({
  members: Schema.Array(Member),
  next: Schema.NullOr(Schema.String).annotate({
    description: "Ask for those after this id; null when these are the last"
  })
})
export type Members = typeof Members.Type

/**
 * Guests with the tag, sorted by their ids. Fails where no active rule gives the tag.
 * @param after of the ids after this one, or of all when `null`
 */
export const readMembersAfter = Effect.fnUntraced(function* (tag: string, after: string | null, limit: number) {
  const sql = yield* SqlClient.SqlClient
  yield* ruleOf(tag)
  const members = yield* sql<Member>`
    select ${sql.literal(memberColumns)} from cdm.user_tags held left join cdm.guests using (user_id)
    where held.tag = ${tag} and (${after}::text is null or ${sql.literal(guestKey)} > ${after}::text)
    order by ${sql.literal(guestKey)} limit ${limit}::int`
  const page: Members = { members, next: members.length < limit ? null : (members.at(-1)?.guest ?? null) }
  return page
}, inSnapshot)

export const exportRows = 5_000

/** All guests with the tag, a page after the other: a guest who gets or loses it meanwhile may be left out. */
export const membersFrom = <E, R>(readAfter: (after: string | null) => Effect.Effect<Members, E, R>) =>
  Stream.paginate<string | null, Member, E, R>(null, (after) =>
    Effect.map(readAfter(after), ({ members, next }) => [members, Option.fromNullOr(next)])
  )

/** @param page from 1 on, of those with the most orders first */
export const readMemberPage = Effect.fnUntraced(function* (tag: string, page: number, pageSize: number) {
  const sql = yield* SqlClient.SqlClient
  const rule = yield* ruleOf(tag)
  const [held] = yield* sql<{ total: number }>`
    select count(*)::int as total from cdm.user_tags where tag = ${tag}`
  const members = yield* sql<Member>`
    select ${sql.literal(memberColumns)}
    from cdm.user_tags held left join cdm.guests using (user_id)
    where held.tag = ${tag} order by order_cnt desc, ${sql.literal(guestKey)}
    limit ${pageSize}::int offset ${(page - 1) * pageSize}::int`
  return { rule, members, total: held?.total ?? 0 }
}, inSnapshot)
