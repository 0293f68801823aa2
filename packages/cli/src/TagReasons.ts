/** Why a guest has a tag, or has it not: the rule, the counter, and the orders behind it. */
import { activeRules } from "@metka/cdm/TagRepository"
import { isUuid } from "@metka/core/messages/CdmStats"
import { inSnapshot } from "@metka/core/transaction"
import { orderKey, userKey } from "@metka/dds/vault"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { unknownTag } from "./UnknownTag.ts"

export class GuestUnknown extends Schema.TaggedError<GuestUnknown>()("GuestUnknown", { message: Schema.String }) {}

/** Times are texts in the business time zone. */
export interface ReasonOrder {
  readonly orderId: string
  /** `null` for a message that came without a date. */
  readonly date: string | null
  /** The dishes that count for the category; none where the vault does not have the order. */
  readonly dishes: ReadonlyArray<string>
}

/** A giving or taking, with what the rule asked for at that time. */
export interface TagEvent {
  readonly action: "given" | "taken"
  readonly orderCount: number
  readonly at: string
  readonly ruleVersion: number
  readonly threshold: number
  readonly categoryName: string
}

interface Rule {
  readonly tag: string
  readonly categoryId: string
  readonly categoryName: string
  readonly threshold: number
  readonly ruleVersion: number
  /** `null` while the rule is active. */
  readonly retiredAt: string | null
  /** Whether any guest has ordered from a category of this name. */
  readonly isCategoryKnown: boolean
  readonly isHeld: boolean
  /** The guest's counter of the category. */
  readonly orderCount: number
}

export interface TagReason extends Rule {
  /** Of the ledger's orders, the newest ones first. */
  readonly orders: ReadonlyArray<ReasonOrder>
  /** In the ledger; as many as the counter says. */
  readonly orderTotal: number
  /** The oldest first. */
  readonly events: ReadonlyArray<TagEvent>
}

export interface TagReasons {
  /** The app's own id; the key in `cdm` where the app's id never came. */
  readonly guest: string
  readonly timeZone: string
  readonly tags: ReadonlyArray<TagReason>
}

const minute = "YYYY-MM-DD HH24:MI"

/** As the charts have it: `npm run migrate` puts `BUSINESS_TIME_ZONE` there. */
const zone = "(select time_zone from bi.settings)"

const readTimeZone = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ time_zone: string }>`select time_zone from bi.settings`
  return rows[0]?.time_zone ?? ""
})

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
      rule.version as "ruleVersion",
      to_char(rule.retired_at at time zone ${sql.literal(zone)}, ${minute}::text) as "retiredAt",
      exists (select from cdm.category_names named where named.category_id = rule.category_id) as "isCategoryKnown",
      held.tag is not null as "isHeld", coalesce(counter.order_cnt, 0) as "orderCount"
    from cdm.tag_rules rule
    left join cdm.user_tags held on held.user_id = ${userId}::uuid and held.tag = rule.tag
    left join cdm.user_category_counters counter
      on counter.user_id = ${userId}::uuid and counter.category_id = rule.category_id
    where ${isMeant} order by rule.tag collate "C"`
})

const readEvents = Effect.fnUntraced(function* (userId: string, tags: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<TagEvent & { readonly tag: string }>`
    select history.tag, action, order_cnt as "orderCount",
      to_char(at at time zone ${sql.literal(zone)}, ${minute}::text) as at,
      rule_version as "ruleVersion", threshold, category_name as "categoryName"
    from cdm.user_tag_history history
    join cdm.tag_rules rule on rule.tag = history.tag and rule.version = history.rule_version
    where user_id = ${userId}::uuid and history.tag = any(${tags}::text[]) order by event_id`
  return Map.groupBy(rows, ({ tag }) => tag)
})

interface LedgerOrder {
  readonly categoryId: string
  readonly orderId: string
  readonly date: string | null
  readonly total: number
}

const readOrders = Effect.fnUntraced(function* (userId: string, categoryIds: ReadonlyArray<string>, limit: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<LedgerOrder>`
    select "categoryId", "orderId", date, total from (
      select category_id::text as "categoryId", order_id as "orderId",
        to_char(order_dt at time zone 'UTC' at time zone ${sql.literal(zone)}, ${minute}::text) as date,
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
      message: `no order of the guest ${guest} is in the marts. A guest is named by the app's own id, or by user_id in cdm`
    })
  }
  const rules = yield* readRules(found.userId, tag)
  if (tag !== undefined && rules.length === 0) {
    const active = yield* activeRules
    return yield* unknownTag(
      tag,
      active.map((rule) => rule.tag)
    )
  }
  const events = yield* readEvents(
    found.userId,
    rules.map((rule) => rule.tag)
  )
  const orders = yield* readOrders(found.userId, [...new Set(rules.map((rule) => rule.categoryId))], limit)
  const dishes = yield* readDishes(orders)
  const ofCategory = Map.groupBy(orders, ({ categoryId }) => categoryId)
  const reasons: TagReasons = {
    guest: found.guest,
    timeZone: yield* readTimeZone,
    tags: rules.map((rule) => {
      const own = ofCategory.get(rule.categoryId) ?? []
      return {
        ...rule,
        orders: own.map(({ categoryId, date, orderId }) => ({
          orderId,
          date,
          dishes: (dishes.get(`${orderId} ${categoryId}`) ?? []).map(({ name }) => name)
        })),
        orderTotal: own[0]?.total ?? 0,
        events: events.get(rule.tag) ?? []
      }
    })
  }
  return reasons
}, inSnapshot)
