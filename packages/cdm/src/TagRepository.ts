/** The SQL of tag rules, tags and their history. */
import { rulesLock, windowsLock } from "@metka/core/advisoryLocks"
import { int4s, texts, uuids } from "@metka/core/arrays"
import { forEachPage } from "@metka/core/Cursor"
import * as TraceContext from "@metka/core/TraceContext"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { countsAsJson, datedOrders, type GuestRow, guestsInPage, heldAsJson, newestOrdersAsJson } from "./GuestTags.ts"
import { type HeldTag, isWindowed, type TagChanges, type TagRule, type WindowedRule } from "./rules.ts"

/** Has the rules alone until the transaction ends. Taken before anything is read that is to be written anew. */
export const lockRules = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`select pg_advisory_xact_lock(${rulesLock}::bigint)`
})

interface RuleRow {
  readonly tag: string
  readonly category_id: string
  readonly category_name: string
  readonly threshold: number
  readonly window_days: number | null
  readonly exit_threshold: number | null
  readonly version: number
}

const tagRule = (row: RuleRow): TagRule => ({
  tag: row.tag,
  categoryId: row.category_id,
  categoryName: row.category_name,
  threshold: row.threshold,
  window:
    row.window_days === null || row.exit_threshold === null
      ? undefined
      : { days: row.window_days, exitThreshold: row.exit_threshold },
  version: row.version
})

/** The active rules, sorted by tag. */
export const activeRules = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<RuleRow>`
    select tag, category_id, category_name, threshold, window_days, exit_threshold, version
    from cdm.tag_rules where active order by tag collate "C"`
  return rows.map(tagRule)
})

/** A rule may be older than its category: then its key was derived from the name, as the vault derives it. */
const isUnbound = `rule.active and rule.category_name = named.category_name
  and not exists (select 1 from cdm.category_names bound where bound.category_id = rule.category_id)`

/** The tags of rules that are bound to no category although there is one for them now. */
export const unboundRules = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ tag: string }>`
    select distinct rule.tag from cdm.tag_rules rule, cdm.category_names named where ${sql.literal(isUnbound)}`
  return rows.map(({ tag }) => tag)
})

/**
 * Gives rules that are bound to no category the key under which theirs has come, and returns their tags. Guests may have
 * counters already, unless the category has just come: who binds a rule to another one decides about all of them, and
 * needs the rules alone, since a batch under way does not look at a counter that no rule is about.
 * @param categories all of them if not given
 */
export const bindRules = Effect.fnUntraced(function* (categories?: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const among = categories === undefined ? sql.literal("true") : sql`category_id = any(${uuids(categories)}::uuid[])`
  const rows = yield* sql<{ tag: string }>`
    update cdm.tag_rules rule set category_id = named.category_id
    from (
      select category_name, min(category_id::text)::uuid as category_id from cdm.category_names where ${among}
      group by category_name
    ) named
    where ${sql.literal(isUnbound)} returning rule.tag`
  return rows.map(({ tag }) => tag)
})

interface HeldTagRow {
  readonly user_id: string
  readonly tag: string
  readonly category_id: string
  readonly order_cnt: number
  readonly rule_version: number
}

const heldTag = (row: HeldTagRow): HeldTag => ({
  userId: row.user_id,
  tag: row.tag,
  categoryId: row.category_id,
  orderCount: row.order_cnt,
  ruleVersion: row.rule_version
})

interface RuleWithHolderRow extends RuleRow {
  /** `null` where none of the guests has the tag. */
  readonly user_id: string | null
  readonly held_category_id: string
  readonly order_cnt: number
  readonly rule_version: number
}

/** The active rules, and the tags of theirs that these guests have. */
export const rulesAndTagsOf = Effect.fnUntraced(function* (userIds: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<RuleWithHolderRow>`
    select rule.tag, rule.category_id, rule.category_name, rule.threshold, rule.window_days, rule.exit_threshold,
      rule.version, held.user_id, held.category_id as held_category_id, held.order_cnt, held.rule_version
    from cdm.tag_rules rule left join (
      unnest(${uuids(userIds)}::uuid[]) as guest (user_id) join cdm.user_tags held using (user_id)
    ) on held.tag = rule.tag
    where rule.active`
  return {
    rules: [...new Map(rows.map((row) => [row.tag, tagRule(row)])).values()],
    held: rows.flatMap((row) =>
      row.user_id === null ? [] : [heldTag({ ...row, user_id: row.user_id, category_id: row.held_category_id })]
    )
  }
})

/**
 * Decides alone about windows until the transaction ends: two batches may have orders of one guest, neither sees the
 * other's, and no counter that both change need be among them. Taken before the tags and orders are read.
 */
export const lockWindows = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`select pg_advisory_xact_lock(${windowsLock}::bigint)`
})

/**
 * The orders of each of these guests, as rules with a window look at them: none for whom no such rule could give its tag,
 * since no window has more orders of a category than the counter, and who has none of the tags.
 */
export const ordersInQuestion = Effect.fnUntraced(function* (
  rules: ReadonlyArray<WindowedRule>,
  userIds: ReadonlyArray<string>,
  held: ReadonlyArray<HeldTag>
) {
  const sql = yield* SqlClient.SqlClient
  const windowed = new Set(rules.map((rule) => rule.tag))
  const holders = held.filter(({ tag }) => windowed.has(tag)).map(({ userId }) => userId)
  const rows = yield* sql<{ readonly user_id: string; readonly orders: string | null }>`
    select user_id, ${sql.literal(newestOrdersAsJson("guest.user_id"))} as orders
    from (
      select unnest(${uuids(holders)}::uuid[])
      union
      select user_id from cdm.user_category_counters
      join unnest(${uuids(rules.map((rule) => rule.categoryId))}::uuid[], ${int4s(rules.map((rule) => rule.threshold))}::int[])
        as rule (category_id, threshold) using (category_id)
      where user_id = any(${uuids(userIds)}::uuid[]) and order_cnt > threshold
    ) guest (user_id)`
  return new Map([
    ...userIds.map((userId) => [userId, []] as const),
    ...rows.map((row) => [row.user_id, datedOrders(row.orders)] as const)
  ])
})

/**
 * Brings, page by page, all guests about whom these rules could decide something: those who have one of the tags, and
 * those with a counter of a rule's category that is greater than its threshold. With each come these tags, the counters
 * of the rules' categories that could matter, and the orders where a rule with a window could decide.
 */
export const forEachGuestPage = Effect.fnUntraced(function* <E, R>(
  rules: ReadonlyArray<TagRule>,
  tags: ReadonlyArray<string>,
  use: (guests: ReadonlyArray<GuestRow>) => Effect.Effect<void, E, R>
) {
  const sql = yield* SqlClient.SqlClient
  const windowed = rules.filter(isWindowed)
  const query = sql`
    select user_id, counts, held,
      case when is_windowed then ${sql.literal(newestOrdersAsJson("guest.user_id"))} end as orders
    from (
      select user_id, ${sql.literal(countsAsJson)} filter (where category_id is not null)::text as counts, min(held) as held,
        bool_or(order_cnt > window_threshold or holds_windowed) as is_windowed
      from (
        select user_id, category_id, order_cnt, threshold, window_threshold
        from (
          select category_id, min(threshold) as threshold, min(window_threshold) as window_threshold
          from unnest(${uuids(rules.map((rule) => rule.categoryId))}::uuid[], ${int4s(rules.map((rule) => rule.threshold))}::int[],
            ${int4s(rules.map((rule) => (isWindowed(rule) ? rule.threshold : null)))}::int[])
            as rule (category_id, threshold, window_threshold)
          group by category_id
        ) rule join cdm.user_category_counters using (category_id)
      ) counters
      full join (
        select user_id, ${sql.literal(heldAsJson)}::text as held,
          bool_or(tag = any(${texts(windowed.map((rule) => rule.tag))}::text[])) as holds_windowed
        from cdm.user_tags where tag = any(${texts(tags)}::text[]) group by user_id
      ) tags using (user_id)
      where order_cnt > threshold or held is not null
      group by user_id
    ) guest order by user_id`
  yield* forEachPage<GuestRow, E, R>(query, use, guestsInPage(rules, tags.length))
})

/**
 * Writes tags and their history, all in one statement. `traceOf` knows the trace of the order that moved a counter.
 *
 * Each tag that is there is found by its guest. A join would leave that to the planner, who knows nothing of what has
 * been written in this transaction: of a table that was empty it expects one row, and reads all of it for every page of
 * an audience. So an update is an insert that meets its conflict. What is taken is found row by row; collated otherwise
 * than its index, `tag` cannot lead to all who have it.
 */
export const writeTags = Effect.fnUntraced(function* (
  { given, taken, updated }: TagChanges,
  at: Date,
  traceOf: (tag: HeldTag) => string | undefined
) {
  if (given.length + taken.length + updated.length === 0) return
  const sql = yield* SqlClient.SqlClient
  const now = at.toISOString()
  const events = [
    ...given.map((tag) => ({ ...tag, action: "given" })),
    ...taken.map((tag) => ({ ...tag, action: "taken" }))
  ]
  yield* sql`
    with given as (
      insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
      select row.*, ${now}::timestamptz
      from unnest(${uuids(given.map((row) => row.userId))}::uuid[], ${texts(given.map((row) => row.tag))}::text[],
        ${uuids(given.map((row) => row.categoryId))}::uuid[], ${int4s(given.map((row) => row.orderCount))}::int[],
        ${int4s(given.map((row) => row.ruleVersion))}::int[]) as row (user_id, tag, category_id, order_cnt, rule_version)
      order by row.user_id, row.tag
    ),
    updated as (
      insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
      select row.*, ${now}::timestamptz
      from unnest(${uuids(updated.map((row) => row.userId))}::uuid[], ${texts(updated.map((row) => row.tag))}::text[],
        ${uuids(updated.map((row) => row.categoryId))}::uuid[], ${int4s(updated.map((row) => row.orderCount))}::int[],
        ${int4s(updated.map((row) => row.ruleVersion))}::int[]) as row (user_id, tag, category_id, order_cnt, rule_version)
      order by row.user_id, row.tag
      on conflict (user_id, tag) do update set category_id = excluded.category_id, order_cnt = excluded.order_cnt,
        rule_version = excluded.rule_version
    ),
    taken as (
      delete from cdm.user_tags where ctid = any(array(
        select (select ctid from cdm.user_tags held where held.user_id = row.user_id and held.tag = row.tag collate "C")
        from unnest(${uuids(taken.map((row) => row.userId))}::uuid[], ${texts(taken.map((row) => row.tag))}::text[])
          as row (user_id, tag)
      ))
    )
    insert into cdm.user_tag_history (user_id, tag, category_id, action, order_cnt, rule_version, at, traceparent)
    select user_id, tag, category_id, action, order_cnt, rule_version, ${now}::timestamptz, traceparent
    from unnest(${uuids(events.map((row) => row.userId))}::uuid[], ${texts(events.map((row) => row.tag))}::text[],
      ${uuids(events.map((row) => row.categoryId))}::uuid[], ${texts(events.map((row) => row.action))}::text[],
      ${int4s(events.map((row) => row.orderCount))}::int[], ${int4s(events.map((row) => row.ruleVersion))}::int[],
      ${texts(events.map((row) => traceOf(row) ?? TraceContext.makeRoot()))}::text[])
      as row (user_id, tag, category_id, action, order_cnt, rule_version, traceparent)`
})
