/** CDM itself on a database and memory Kafka: tests send what DDS would send and look at what SQL holds. */
import { Health } from "@metka/core/Health"
import { Kafka, type OutgoingRecord } from "@metka/core/Kafka"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { header } from "@metka/core/messages/headers"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import { Topology } from "@metka/core/Topology"
import { uuidOf } from "@metka/core/Uuid"
import { eventuallyTrue } from "@metka/testing/eventually"
import { topicRecords } from "@metka/testing/topicRecords"
import { whileRunning } from "@metka/testing/whileRunning"
import { Effect, Layer, References } from "effect"
import { SqlClient } from "effect/sql"
import { hash } from "node:crypto"
import * as Cdm from "../src/Cdm.ts"

export const userId = (guest: string): string => uuidOf("h_user", guest)
export const productId = (dish: string): string => uuidOf("h_product", dish)
export const categoryId = (category: string): string => uuidOf("h_category", category)

/** A version of an order's contribution. `dishes`: `dish:category`, or the name that the menu gives it, `dish:category:name`. */
export interface Stats {
  readonly order: number
  readonly version: number
  readonly guest: string
  readonly dishes: ReadonlyArray<string>
  readonly names?: number
  /** Another key for the categories than the one that the vault derives from their names. */
  readonly categoryKey?: string
  /** Another name for the categories than the one that their keys are derived from. */
  readonly categoryName?: string
  readonly traceparent?: string
  /** The day of April 2023 on which it was ordered, from 1; `null` for a message that does not say. */
  readonly day?: number | null
}

export const toOutgoing = ({
  categoryKey,
  categoryName,
  day: orderedOn = 1,
  dishes,
  guest,
  names = 1,
  order,
  traceparent,
  version
}: Stats): OutgoingRecord => {
  const day = (n: number) => `2023-04-${String(n).padStart(2, "0")} 00:00:00`
  return {
    key: guest,
    value: JSON.stringify(
      dishes.map((text) => {
        const [dish = "", category = "", name = dish] = text.split(":")
        return {
          user_id: userId(guest),
          product_id: productId(dish),
          product_name: name,
          category_id: categoryKey === undefined ? categoryId(category) : userId(`${categoryKey} ${category}`),
          category_name: categoryName ?? category,
          order_cnt: 1
        }
      })
    ),
    headers: {
      [header.orderVersion]: `${fixedWidth(day(version))}|${fixedWidth(day(version))}|${hash("sha256", String(version), "hex")}`,
      [header.orderId]: String(order),
      ...(orderedOn === null ? {} : { [header.orderDate]: day(orderedOn) }),
      [header.restaurantVersion]: day(names),
      ...(traceparent === undefined ? {} : { [header.traceparent]: traceparent })
    }
  }
}

/** Kafka, health and names of topics of one test's own. */
export const surroundings = () =>
  Layer.mergeAll(
    KafkaMemory.layer(),
    Health.layer({ components: ["kafka", "postgres"] }),
    Topology.layerDefault(),
    Layer.succeed(References.MinimumLogLevel, "Error")
  )

const isDone = Effect.gen(function* () {
  const { cdmStats, groupCdm } = yield* Topology
  const lag = yield* (yield* Kafka).lag(cdmStats, groupCdm)
  return lag.every(({ committed, end }) => committed === end)
})

export const send = Effect.fnUntraced(function* (stats: ReadonlyArray<Stats>) {
  const { cdmStats } = yield* Topology
  yield* (yield* Kafka).publish(cdmStats, stats.map(toOutgoing))
})

export const untilDone = eventuallyTrue("all stats are committed", isDone)

/** Each of these as a batch of its own. */
export const takeIn = (...batches: ReadonlyArray<ReadonlyArray<Stats>>) =>
  whileRunning(
    Cdm.contributions,
    Effect.forEach(batches, (batch) => Effect.andThen(send(batch), untilDone), { discard: true })
  )

export interface Counter {
  readonly guest: string
  readonly id: string
  readonly name: string
  readonly count: number
}

const byKey = (a: Counter, b: Counter): number => (a.guest + a.id < b.guest + b.id ? -1 : 1)

export const productCounters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<Counter>`
    select user_id as guest, product_id as id, product_name as name, order_cnt as count from cdm.user_product_counters`
  return [...rows].sort(byKey)
})

export const categoryCounters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<Counter>`
    select user_id as guest, category_id as id, category_name as name, order_cnt as count from cdm.user_category_counters`
  return [...rows].sort(byKey)
})

export const counter = (guest: string, id: string, name: string, count: number): Counter => ({
  guest: userId(guest),
  id,
  name,
  count
})

export const sorted = (counters: ReadonlyArray<Counter>): ReadonlyArray<Counter> => [...counters].sort(byKey)

/** The tags of rules with a window, told by SQL: the last moment that was above decides, or the last one below. */
const dueByWindows = `
  with moments as (
    select rule.tag, rule.version, now.user_id, now.order_dt, threshold, exit_threshold, (
      select count(*)::int from cdm.order_contributions counted
      where counted.user_id = now.user_id and rule.category_id = any(counted.category_ids)
        and counted.order_dt <= now.order_dt and counted.order_dt > now.order_dt - make_interval(hours => 24 * window_days)
    ) as orders
    from cdm.tag_rules rule, cdm.order_contributions now
    where active and window_days is not null and now.user_id is not null and now.order_dt is not null
  )
  select user_id, tag, version, (array_agg(orders order by order_dt desc))[1] as order_cnt
  from moments group by user_id, tag, version
  having max(order_dt) filter (where orders > threshold)
    > coalesce(max(order_dt) filter (where orders <= exit_threshold), '-infinity')`

/** Where counters are not the sum of the ledger, or tags not what the rules give; nothing, ever. */
export const contradictions = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const counters = (table: string, id: string, ids: string) =>
    sql.unsafe(`
    select * from (select user_id, id, count(*)::int as sum from cdm.order_contributions, unnest(${ids}) as id group by 1, 2) ledger
    full join (select user_id, ${id} as id, order_cnt from ${table}) counters using (user_id, id)
    where sum is distinct from order_cnt`)
  return [
    ...(yield* counters("cdm.user_product_counters", "product_id", "product_ids")),
    ...(yield* counters("cdm.user_category_counters", "category_id", "category_ids")),
    ...(yield* sql.unsafe(`
      select * from (
        select user_id, tag, version, order_cnt from cdm.tag_rules rule join cdm.user_category_counters using (category_id)
        where active and window_days is null and order_cnt > threshold
        union all select * from (${dueByWindows}) windows
      ) due full join (select user_id, tag, rule_version as version, order_cnt as count from cdm.user_tags) held
      using (user_id, tag, version) where order_cnt is distinct from count`))
  ]
})

export interface TagEvent {
  readonly event: number
  readonly guest: string
  readonly tag: string
  readonly action: string
  readonly count: number
}

/** Every giving and taking that the history has, in order. */
export const history = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<TagEvent>`
    select event_id::float8 as event, user_id as guest, tag, action, order_cnt as count from cdm.user_tag_history order by event_id`
})

export const heldTags = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{ guest: string; tag: string; count: number; rule: number }>`
    select user_id as guest, tag, order_cnt as count, rule_version as rule from cdm.user_tags order by tag, user_id`
})

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString("utf8")

/** All that `guest-tags` has, in the order of each guest. */
export const announced = Effect.gen(function* () {
  const { guestTags } = yield* Topology
  return (yield* topicRecords(guestTags)).map(({ headers, key, value }) => ({
    event: Number(text(headers.get(header.eventId))),
    key: text(key),
    message: JSON.parse(text(value)) as Record<string, unknown>
  }))
})
