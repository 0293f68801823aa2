/** The SQL of STG: whole batches, few statements; orders are locked in key order before anything of them is read. */
import { byteas, encoded, int4s, int8s, texts } from "@metka/core/arrays"
import type { KafkaRecord } from "@metka/core/Kafka"
import { storableTimestamp } from "@metka/core/storableTimestamp"
import { makeInTurns } from "@metka/core/turns"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Missing } from "./enrich.ts"
import type { StoredTexts } from "./readStoredOrder.ts"

/** A version of an order as it was delivered, with what the references say of it now. */
export interface DeliveredOrder {
  readonly objectId: number
  readonly version: string
  readonly sentDttm: string
  /** JSON text, UTF-8. */
  readonly payload: Uint8Array
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly kafkaTimestamp: number
  /** JSON text of an `Enrichment`. */
  readonly enrichment: string | undefined
}

/** What STG holds of an order. */
export interface HeldOrder {
  readonly version: string
  /** JSON text. */
  readonly enrichment: string | undefined
}

export interface ParkedOrder {
  readonly objectId: number
  readonly version: string
  readonly missing: Missing
  readonly traceparent: string
}

/** A parked order whose turn has come. */
export interface DueOrder {
  readonly objectId: number
  readonly version: string
  readonly texts: StoredTexts
  readonly traceparent: string
  /** Its first delivery, for a dead letter. */
  readonly delivery: Pick<KafkaRecord, "topic" | "partition" | "offset" | "timestamp">
}

const iso = (millis: number): string => new Date(millis).toISOString()

/**
 * The columns of `upsertOrders`.
 * @param orders at most one version an order, sorted by `objectId`
 */
export const deliveredColumns = (orders: ReadonlyArray<DeliveredOrder>) =>
  makeInTurns(orders, {
    objectIds: () => encoded(int8s(orders.map((order) => order.objectId))),
    sentDttms: () => encoded(texts(orders.map((order) => order.sentDttm))),
    payloads: () => encoded(byteas(orders.map((order) => order.payload))),
    versions: () => encoded(texts(orders.map((order) => order.version))),
    enrichments: () => encoded(texts(orders.map((order) => order.enrichment ?? ""))),
    topics: () => encoded(texts(orders.map((order) => order.topic))),
    partitions: () => encoded(int4s(orders.map((order) => order.partition))),
    offsets: () => encoded(int8s(orders.map((order) => order.offset))),
    timestamps: () => encoded(texts(orders.map((order) => storableTimestamp(order.kafkaTimestamp))))
  })

export type DeliveredColumns = Effect.Success<ReturnType<typeof deliveredColumns>>

/**
 * Stores every order whose version is newer than the one held; the rows of the others are locked and stay as they are.
 * @returns the ids of the others: nearly always there are none
 */
export const upsertOrders = Effect.fnUntraced(function* (columns: DeliveredColumns) {
  const sql = yield* SqlClient.SqlClient
  const now = iso(yield* Clock.currentTimeMillis)
  const rows = yield* sql<{ object_id: string }>`
    with stored as (
      insert into stg.order_events as held (object_id, object_type, sent_dttm, payload, order_version, enrichment,
        topic, partition, "offset", kafka_timestamp, received_at)
      select object_id, 'order', sent_dttm, convert_from(payload, 'UTF8')::json, order_version, nullif(enrichment, '')::json,
        topic, partition, "offset", kafka_timestamp, ${now}::timestamptz
      from unnest(${columns.objectIds}::bigint[], ${columns.sentDttms}::timestamp[], ${columns.payloads}::bytea[],
        ${columns.versions}::text[], ${columns.enrichments}::text[], ${columns.topics}::text[], ${columns.partitions}::int[],
        ${columns.offsets}::bigint[], ${columns.timestamps}::timestamptz[])
        as delivered (object_id, sent_dttm, payload, order_version, enrichment, topic, partition, "offset", kafka_timestamp)
      order by object_id
      on conflict (object_id) do update set
        object_type = excluded.object_type, sent_dttm = excluded.sent_dttm, payload = excluded.payload,
        order_version = excluded.order_version, enrichment = excluded.enrichment, topic = excluded.topic,
        partition = excluded.partition, "offset" = excluded."offset", kafka_timestamp = excluded.kafka_timestamp,
        received_at = excluded.received_at
      where held.order_version < excluded.order_version
      returning held.object_id
    )
    select object_id::text as object_id from unnest(${columns.objectIds}::bigint[]) as delivered (object_id)
    where (select count(*) from stored) < cardinality(${columns.objectIds}::bigint[])
      and object_id not in (select object_id from stored)`
  return new Set(rows.map((row) => Number(row.object_id)))
})

/** What STG holds of these orders. A statement of its own after the locks: it sees what they waited for. */
export const heldOrders = Effect.fnUntraced(function* (objectIds: ReadonlyArray<number>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ object_id: string; order_version: string; enrichment: string | null }>`
    select object_id::text as object_id, order_version, enrichment::text as enrichment
    from unnest(${int8s(objectIds)}::bigint[]) as asked (object_id) join stg.order_events using (object_id)`
  return new Map<number, HeldOrder>(
    rows.map((row) => [Number(row.object_id), { version: row.order_version, enrichment: row.enrichment ?? undefined }])
  )
})

/** Gives versions that were stored without one their enrichment, as JSON text; the first one given stays. */
export const storeEnrichments = Effect.fnUntraced(function* (
  orders: ReadonlyArray<{ readonly objectId: number; readonly version: string; readonly enrichment: string }>
) {
  if (orders.length === 0) return
  const sql = yield* SqlClient.SqlClient
  const ids = orders.map((order) => String(order.objectId))
  yield* sql`select 1 from unnest(${texts(ids)}::bigint[]) as asked (object_id) join stg.order_events held using (object_id)
    order by object_id for update of held`
  yield* sql`
    update stg.order_events held set enrichment = resolved.enrichment
    from unnest(${texts(ids)}::bigint[], ${texts(orders.map((order) => order.version))}::text[],
      ${texts(orders.map((order) => order.enrichment))}::json[]) as resolved (object_id, order_version, enrichment)
    where held.object_id = resolved.object_id and held.order_version = resolved.order_version
      and held.enrichment is null`
})

/** Parks orders, or notes what a newer version of a parked order misses. Part of the batch's transaction. */
export const parkOrders = Effect.fnUntraced(function* (orders: ReadonlyArray<ParkedOrder>) {
  if (orders.length === 0) return
  const sql = yield* SqlClient.SqlClient
  const now = iso(yield* Clock.currentTimeMillis)
  yield* sql`
    insert into stg.parked_orders as held (object_id, order_version, missing, attempts, parked_at, next_attempt_at, traceparent)
    select object_id, order_version, missing, 0, ${now}::timestamptz, ${now}::timestamptz + interval '1 second', traceparent
    from unnest(${int8s(orders.map((order) => order.objectId))}::bigint[], ${texts(orders.map((order) => order.version))}::text[],
      ${texts(orders.map((order) => JSON.stringify(order.missing)))}::jsonb[], ${texts(orders.map((order) => order.traceparent))}::text[])
      as parked (object_id, order_version, missing, traceparent)
    order by object_id
    on conflict (object_id) do update set order_version = excluded.order_version, missing = excluded.missing,
      attempts = 0, next_attempt_at = excluded.next_attempt_at, traceparent = excluded.traceparent
    where held.order_version < excluded.order_version`
})

/**
 * Whether any order is parked. Nearly always there is none, and a batch need not ask for each of its orders. Asked once
 * the batch has locked them: nobody can park one of them meanwhile.
 */
export const hasParkedOrders = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ some: boolean }>`select exists (select 1 from stg.parked_orders) as some`
  return rows[0]?.some === true
})

/** Removes orders that need not wait any more, unless a newer version has been parked meanwhile. */
export const unparkOrders = Effect.fnUntraced(function* (
  orders: ReadonlyArray<{ readonly objectId: number; readonly version: string }>
) {
  if (orders.length === 0) return
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    with locked as materialized (
      select parked.object_id from stg.parked_orders parked
      join unnest(${int8s(orders.map((order) => order.objectId))}::bigint[], ${texts(orders.map((order) => order.version))}::text[])
        as published (object_id, order_version)
        on parked.object_id = published.object_id and parked.order_version <= published.order_version
      order by parked.object_id for update of parked
    )
    delete from stg.parked_orders parked using locked where parked.object_id = locked.object_id`
})

/** No attempt is planned further ahead: one that seems to be was planned by a clock that went wrong. */
const isDue = (sql: SqlClient.SqlClient, now: string) =>
  sql`(next_attempt_at <= ${now}::timestamptz or next_attempt_at > ${now}::timestamptz + interval '61 seconds')`

/**
 * Takes the parked orders that are due, skipping those that another replica has just taken, and sets their next
 * attempt: 0.6 to 1 s after the first, as the order's id has it, doubling up to 36 to 60 s.
 */
export const takeDueOrders = Effect.fnUntraced(function* (limit: number) {
  const sql = yield* SqlClient.SqlClient
  const now = iso(yield* Clock.currentTimeMillis)
  const rows = yield* sql<{
    object_id: string
    order_version: string
    payload: string
    enrichment: string | null
    traceparent: string
    topic: string
    partition: number
    offset: string
    kafka_timestamp: Date
  }>`
    with due as (
      select object_id from stg.parked_orders where ${isDue(sql, now)}
      order by next_attempt_at limit ${limit}::int for update skip locked
    ), taken as (
      update stg.parked_orders parked set attempts = attempts + 1,
        next_attempt_at = ${now}::timestamptz
          + interval '1 second' * least(60, power(2, least(attempts, 10))) * (0.6 + 0.4 * (parked.object_id % 11) / 10)
      from due where parked.object_id = due.object_id
      returning parked.object_id, parked.order_version, parked.traceparent
    )
    select taken.object_id::text as object_id, taken.order_version, taken.traceparent,
      events.payload::text as payload, events.enrichment::text as enrichment,
      events.topic, events.partition, events."offset"::text as "offset", events.kafka_timestamp
    from taken join stg.order_events events using (object_id, order_version)
    order by taken.object_id`
  return rows.map((row): DueOrder => ({
    objectId: Number(row.object_id),
    version: row.order_version,
    texts: { payload: row.payload, enrichment: row.enrichment },
    traceparent: row.traceparent,
    delivery: {
      topic: row.topic,
      partition: row.partition,
      offset: Number(row.offset),
      timestamp: row.kafka_timestamp.getTime()
    }
  }))
})

/** Notes what parked orders still miss. */
export const noteMissing = Effect.fnUntraced(function* (
  orders: ReadonlyArray<{ readonly objectId: number; readonly version: string; readonly missing: Missing }>
) {
  if (orders.length === 0) return
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    with locked as materialized (
      select parked.object_id, noted.missing from stg.parked_orders parked
      join unnest(${int8s(orders.map((order) => order.objectId))}::bigint[], ${texts(orders.map((order) => order.version))}::text[],
        ${texts(orders.map((order) => JSON.stringify(order.missing)))}::jsonb[]) as noted (object_id, order_version, missing)
        on parked.object_id = noted.object_id and parked.order_version = noted.order_version
          and parked.missing <> noted.missing
      order by parked.object_id for update of parked
    )
    update stg.parked_orders parked set missing = locked.missing from locked where parked.object_id = locked.object_id`
})

/** How many orders are parked, how many of these are due, and for how long the first of them has been parked. */
export const countParked = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const now = iso(yield* Clock.currentTimeMillis)
  const rows = yield* sql<{ count: number; due: number; oldest_seconds: number }>`
    select count(*)::int as count, (count(*) filter (where ${isDue(sql, now)}))::int as due,
      coalesce(extract(epoch from ${now}::timestamptz - min(parked_at)), 0)::float8 as oldest_seconds
    from stg.parked_orders`
  const [row] = rows
  return { count: row?.count ?? 0, due: row?.due ?? 0, oldestSeconds: row?.oldest_seconds ?? 0 }
})
