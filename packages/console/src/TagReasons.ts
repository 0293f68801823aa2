/** Why a guest has a tag, or has it not: the rule, the counter, and the orders behind it. */
import { datedOrders, newestOrdersAsJson } from "@metka/cdm/GuestTags"
import { activeRules } from "@metka/cdm/TagRepository"
import type { Window } from "@metka/cdm/windows"
import { isUuid } from "@metka/core/messages/CdmStats"
import { inSnapshot } from "@metka/core/transaction"
import { orderKey, userKey } from "@metka/dds/vault"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { guestWindow, GuestWindow, isCounted } from "./GuestWindow.ts"
import { NullOrRuleWindow, windowColumn } from "./RuleWindow.ts"
import { readTimeZone } from "./TimeZone.ts"
import { unknownTag } from "./UnknownTag.ts"

/** Nothing is known of the guest that was asked for. */
export class GuestUnknown extends Schema.TaggedError<GuestUnknown>()("GuestUnknown", {
  guest: Schema.String,
  message: Schema.String
}) {}

const ReasonOrder = Schema.Struct({
  orderId: Schema.String,
  date: Schema.NullOr(Schema.Date).annotate({ description: "null for a message that came without a date" }),
  isCounted: Schema.Boolean.annotate({
    description: "Whether the rule counts it: where the rule has a window, it does so with the orders that are in it"
  }),
  dishes: Schema.Array(Schema.String).annotate({
    description: "The dishes that count for the category; none where the vault does not have the order"
  }),
  hasNewerWaiting: Schema.Boolean.annotate({
    description: "Whether a newer version of the order waits for a reference, and counts with it only"
  })
})
export type ReasonOrder = typeof ReasonOrder.Type

export const TagEvent = Schema.Struct({
  action: Schema.Literals(["given", "taken"]),
  orderCount: Schema.Int.annotate({ description: "Then; by a rule with a window, of the orders in it" }),
  at: Schema.Date,
  ruleVersion: Schema.Int,
  threshold: Schema.Int.annotate({ description: "Of that version of the rule" }),
  window: NullOrRuleWindow.annotate({
    description: "Of that version of the rule; null where it counted orders of any time"
  }),
  categoryName: Schema.String
})
export type TagEvent = typeof TagEvent.Type

const ruleFields = {
  tag: Schema.String,
  categoryId: Schema.String,
  categoryName: Schema.String,
  threshold: Schema.Int,
  ruleVersion: Schema.Int,
  retiredAt: Schema.NullOr(Schema.Date).annotate({ description: "null while the rule is active" }),
  isCategoryKnown: Schema.Boolean.annotate({
    description: "Whether any guest has ordered from a category of this name"
  }),
  isHeld: Schema.Boolean,
  orderCount: Schema.Int.annotate({ description: "The guest's counter of the category, of orders of any time" })
}

interface Rule extends Schema.Struct.Type<typeof ruleFields> {
  readonly window: Window | null
}

export const TagReason = Schema.Struct({
  ...ruleFields,
  window: Schema.NullOr(GuestWindow).annotate({
    description: "What decides by a rule with a window; null where the counter does"
  }),
  orders: Schema.Array(ReasonOrder).annotate({ description: "Of the ledger's orders, the newest ones first" }),
  orderTotal: Schema.Int.annotate({ description: "In the ledger; as many as the counter says" }),
  events: Schema.Array(TagEvent).annotate({ description: "The oldest first" })
})
export type TagReason = typeof TagReason.Type

const PastTag = Schema.Struct({ tag: Schema.String, last: TagEvent })

export const TagReasons = Schema.Struct({
  guest: Schema.String.annotate({ description: "The app's own id; the key in cdm where the app's id never came" }),
  timeZone: Schema.String.annotate({ description: "In which pages and the command line tell the times" }),
  tags: Schema.Array(TagReason),
  pastTags: Schema.Array(PastTag).annotate({
    description: "Tags that the guest had by rules that are retired; none where one tag was asked for"
  })
})
export type TagReasons = typeof TagReasons.Type

/** The app may itself use UUIDs; a guest may be known from messages without a key, which say no more than the UUID. */
const findGuest = Effect.fnUntraced(function* (guest: string) {
  const sql = yield* SqlClient.SqlClient
  const keys = [userKey(guest), ...(isUuid(guest) ? [guest] : [])]
  const [found] = yield* sql<{ userId: string; guest: string }>`
    select asked.user_id::text as "userId", coalesce(guest_id, asked.user_id::text) as guest
    from (
      select user_id, place from unnest(${keys}::uuid[]) with ordinality as key (user_id, place)
      union all select user_id, 3 from cdm.guests where guest_id = ${guest}
    ) asked
    left join cdm.guests named using (user_id)
    where named.user_id is not null
      or exists (select from cdm.order_contributions ledger where ledger.user_id = asked.user_id)
      or exists (select from cdm.user_tag_history history where history.user_id = asked.user_id)
    order by place limit 1`
  return found
})

/** Of the active rules, or of one tag's newest rule, which may be retired. */
const readRules = Effect.fnUntraced(function* (userId: string, tag: string | undefined) {
  const sql = yield* SqlClient.SqlClient
  const isMeant =
    tag === undefined
      ? sql`rule.active`
      : sql`rule.tag = ${tag} and rule.version = (select max(version) from cdm.tag_rules where tag = ${tag})`
  return yield* sql<Rule>`
    select rule.tag, rule.category_id::text as "categoryId", rule.category_name as "categoryName", rule.threshold,
      ${sql.literal(windowColumn)}, rule.version as "ruleVersion", rule.retired_at as "retiredAt",
      exists (select from cdm.category_names named where named.category_id = rule.category_id) as "isCategoryKnown",
      held.tag is not null as "isHeld", coalesce(counter.order_cnt, 0) as "orderCount"
    from cdm.tag_rules rule
    left join cdm.user_tags held on held.user_id = ${userId}::uuid and held.tag = rule.tag
    left join cdm.user_category_counters counter
      on counter.user_id = ${userId}::uuid and counter.category_id = rule.category_id
    where ${isMeant} order by rule.tag collate "C"`
})

/** All of them by tag, in the order of the tags: those of a guest are few. */
const readEvents = Effect.fnUntraced(function* (userId: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<TagEvent & { readonly tag: string }>`
    select history.tag, action, order_cnt as "orderCount", at,
      rule_version as "ruleVersion", threshold, ${sql.literal(windowColumn)}, category_name as "categoryName"
    from cdm.user_tag_history history
    join cdm.tag_rules rule on rule.tag = history.tag and rule.version = history.rule_version
    where user_id = ${userId}::uuid order by history.tag collate "C", event_id`
  const events = new Map<string, Array<TagEvent>>()
  for (const { tag, ...event } of rows) {
    const own = events.get(tag)
    if (own === undefined) events.set(tag, [event])
    else own.push(event)
  }
  return events
})

/** The newest that have a date, of any category, the oldest first: what a window is laid over. */
const readDatedOrders = Effect.fnUntraced(function* (userId: string) {
  const sql = yield* SqlClient.SqlClient
  const [read] = yield* sql<{ readonly orders: string | null }>`
    select ${sql.literal(newestOrdersAsJson("asked.user_id"))} as orders from (select ${userId}::uuid as user_id) asked`
  return datedOrders(read?.orders ?? null)
})

interface LedgerOrder {
  readonly categoryId: string
  readonly orderId: string
  readonly date: Date | null
  readonly total: number
  readonly hasNewerWaiting: boolean
}

const readOrders = Effect.fnUntraced(function* (userId: string, categoryIds: ReadonlyArray<string>, limit: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<LedgerOrder>`
    select "categoryId", "orderId", date, total,
      exists (select from stg.parked_orders parked
        where parked.object_id::text = "orderId" and parked.order_version > version) as "hasNewerWaiting"
    from (
      select category_id::text as "categoryId", order_id as "orderId", order_version as version,
        order_dt at time zone 'UTC' as date,
        (count(*) over (partition by category_id))::int as total,
        row_number() over (partition by category_id order by order_dt desc nulls last, order_id desc) as place
      from cdm.order_contributions, unnest(${categoryIds}::uuid[]) as asked (category_id)
      where user_id = ${userId}::uuid and category_id = any(category_ids)
    ) ledger
    where place <= ${limit}::int order by "categoryId", place`
})

const isVaultOrder = (orderId: string): boolean => /^\d+$/.test(orderId)

/** The names of the dishes that an order has of a category now, by `orderId categoryId`. */
const readDishes = Effect.fnUntraced(function* (orders: ReadonlyArray<LedgerOrder>) {
  const sql = yield* SqlClient.SqlClient
  const known = orders.filter(({ orderId }) => isVaultOrder(orderId))
  const rows = yield* sql<{ key: string; name: string }>`
    select asked.order_id || ' ' || asked.category_id as key, named.product_name as name
    from unnest(${known.map(({ orderId }) => orderId)}::text[], ${known.map(({ orderId }) => orderKey(Number(orderId)))}::uuid[],
      ${known.map(({ categoryId }) => categoryId)}::uuid[]) as asked (order_id, h_order_pk, category_id)
    join dds.h_order hub on hub.h_order_pk = asked.h_order_pk
    join dds.s_order_product dish on dish.h_order_pk = hub.h_order_pk and dish.version_no = hub.version_no
      and dish.h_category_pk = asked.category_id
    join dds.l_order_product link on link.hk_order_product_pk = dish.hk_order_product_pk
    join cdm.product_names named on named.product_id = link.h_product_pk
    order by named.product_name collate "C"`
  return Map.groupBy(rows, ({ key }) => key)
})

/**
 * As of one moment.
 * @param guest the app's own id, or the key that it has in `cdm`
 * @param tag one alone, also a retired one; or else those of all active rules
 * @param limit how many orders to read for each
 */
export const readTagReasons = Effect.fnUntraced(function* (guest: string, tag: string | undefined, limit: number) {
  const found = yield* findGuest(guest)
  if (found === undefined) {
    return yield* new GuestUnknown({
      guest,
      message:
        `no order of the guest ${guest} is in the marts: perhaps none is CLOSED, or they wait for a reference. ` +
        "A guest is named by the app's own id, or by user_id in cdm"
    })
  }
  const rules = yield* readRules(found.userId, tag)
  if (tag !== undefined && rules.length === 0) {
    return yield* unknownTag(tag, yield* activeRules)
  }
  const isAnyWindowed = rules.some((rule) => rule.window !== null)
  const dated = isAnyWindowed ? yield* readDatedOrders(found.userId) : []
  const events = yield* readEvents(found.userId)
  const orders = yield* readOrders(found.userId, [...new Set(rules.map((rule) => rule.categoryId))], limit)
  const dishes = yield* readDishes(orders)
  const ofCategory = Map.groupBy(orders, ({ categoryId }) => categoryId)
  const told = new Set(rules.map((rule) => rule.tag))
  const reasons: TagReasons = {
    guest: found.guest,
    timeZone: yield* readTimeZone,
    tags: rules.map((rule) => {
      const own = ofCategory.get(rule.categoryId) ?? []
      const window = rule.window === null ? null : guestWindow(rule, rule.window, dated)
      return {
        ...rule,
        window,
        orders: own.map(({ categoryId, date, hasNewerWaiting, orderId }) => ({
          orderId,
          date,
          isCounted: isCounted(window, date),
          hasNewerWaiting,
          dishes: (dishes.get(`${orderId} ${categoryId}`) ?? []).map(({ name }) => name)
        })),
        orderTotal: own[0]?.total ?? 0,
        events: events.get(rule.tag) ?? []
      }
    }),
    pastTags:
      tag === undefined
        ? [...events].flatMap(([past, own]) => {
            const last = own.at(-1)
            return told.has(past) || last === undefined ? [] : [{ tag: past, last }]
          })
        : []
  }
  return reasons
}, inSnapshot)
