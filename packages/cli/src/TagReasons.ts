/** Why a guest has a tag, or has it not: the rule, the counter, and the orders behind it. */
import { inSnapshot } from "@metka/core/transaction"
import { orderKey } from "@metka/dds/vault"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type UnknownTag, unknownTag } from "./UnknownTag.ts"

export class GuestUnknown extends Schema.TaggedError<GuestUnknown>()("GuestUnknown", { message: Schema.String }) {}

/** Times are texts in the zone that was asked for. */
export interface ReasonOrder {
  readonly orderId: string
  /** `null` for a message that came without a date. */
  readonly date: string | null
  /** The dishes that count for the category; none where the vault does not have the order. */
  readonly dishes: ReadonlyArray<string>
}

export interface TagEvent {
  readonly action: "given" | "taken"
  readonly orderCount: number
  readonly ruleVersion: number
  readonly at: string
}

export interface TagReason {
  readonly tag: string
  readonly categoryName: string
  readonly threshold: number
  readonly ruleVersion: number
  readonly isHeld: boolean
  /** The guest's counter of the category. */
  readonly orderCount: number
  /** Of the ledger's orders, the newest ones first. */
  readonly orders: ReadonlyArray<ReasonOrder>
  /** In the ledger; as many as the counter says. */
  readonly orderTotal: number
  /** Every giving and taking, the oldest first. */
  readonly events: ReadonlyArray<TagEvent>
}

export interface TagReasons {
  readonly guestId: string
  /** Of each active rule. */
  readonly tags: ReadonlyArray<TagReason>
}

export interface ReasonOptions {
  /** How many orders to read for each tag. */
  readonly limit: number
  readonly timeZone: string
}

interface Rule {
  readonly tag: string
  readonly categoryId: string
  readonly categoryName: string
  readonly threshold: number
  readonly ruleVersion: number
  readonly isHeld: boolean
  readonly orderCount: number
}

/** @param guest the app's own id, or the key that it has in `cdm` */
const findGuest = Effect.fnUntraced(function* (guest: string) {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ userId: string; guestId: string }>`
    select user_id::text as "userId", guest_id as "guestId" from cdm.guests
    where guest_id = ${guest} or user_id::text = ${guest.toLowerCase()} order by guest_id = ${guest} desc limit 1`
  return found
})

const readRules = Effect.fnUntraced(function* (userId: string) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Rule>`
    select rule.tag, rule.category_id::text as "categoryId", rule.category_name as "categoryName", rule.threshold,
      rule.version as "ruleVersion", held.tag is not null as "isHeld", coalesce(counter.order_cnt, 0) as "orderCount"
    from cdm.tag_rules rule
    left join cdm.user_tags held on held.user_id = ${userId}::uuid and held.tag = rule.tag
    left join cdm.user_category_counters counter
      on counter.user_id = ${userId}::uuid and counter.category_id = rule.category_id
    where rule.active order by rule.tag collate "C"`
})

const readEvents = Effect.fnUntraced(function* (userId: string, tags: ReadonlyArray<string>, timeZone: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<TagEvent & { readonly tag: string }>`
    select tag, action, order_cnt as "orderCount", rule_version as "ruleVersion",
      to_char(at at time zone ${timeZone}::text, 'YYYY-MM-DD HH24:MI') as at
    from cdm.user_tag_history where user_id = ${userId}::uuid and tag = any(${tags}::text[]) order by event_id`
  return Map.groupBy(rows, ({ tag }) => tag)
})

interface LedgerOrder {
  readonly categoryId: string
  readonly orderId: string
  readonly date: string | null
  readonly total: number
}

const readOrders = Effect.fnUntraced(function* (
  userId: string,
  categoryIds: ReadonlyArray<string>,
  { limit, timeZone }: ReasonOptions
) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<LedgerOrder>`
    select "categoryId", "orderId", date, total from (
      select category_id::text as "categoryId", order_id as "orderId",
        to_char(order_dt at time zone 'UTC' at time zone ${timeZone}::text, 'YYYY-MM-DD HH24:MI') as date,
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

const matching = (
  rules: ReadonlyArray<Rule>,
  tag: string | undefined
): Effect.Effect<ReadonlyArray<Rule>, UnknownTag> => {
  const found = rules.filter((rule) => tag === undefined || rule.tag === tag)
  if (tag === undefined || found.length > 0) return Effect.succeed(found)
  const tags = rules.map((rule) => rule.tag)
  return Effect.fail(unknownTag(tag, tags))
}

/**
 * As of one moment.
 * @param guest the app's own id, or the key that it has in `cdm`
 * @param tag one alone, or all
 */
export const readTagReasons = Effect.fnUntraced(function* (
  guest: string,
  tag: string | undefined,
  options: ReasonOptions
) {
  const found = yield* findGuest(guest)
  if (found === undefined) {
    return yield* new GuestUnknown({
      message: `no order of the guest ${guest} is in the marts. A guest is named by the app's own id, or by user_id in cdm`
    })
  }
  const { guestId, userId } = found
  const rules = yield* matching(yield* readRules(userId), tag)
  const events = yield* readEvents(
    userId,
    rules.map((rule) => rule.tag),
    options.timeZone
  )
  const orders = yield* readOrders(userId, [...new Set(rules.map((rule) => rule.categoryId))], options)
  const dishes = yield* readDishes(orders)
  const ofCategory = Map.groupBy(orders, ({ categoryId }) => categoryId)
  const reasons: TagReasons = {
    guestId,
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
