/** DDS itself on a database and memory Kafka: tests send what STG would send and look at the vault and the output. */
import { Health } from "@metka/core/Health"
import { Kafka, type OutgoingRecord } from "@metka/core/Kafka"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { header } from "@metka/core/messages/headers"
import type { StgOrder } from "@metka/core/messages/StgOrder"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import { Topology } from "@metka/core/Topology"
import { eventuallyTrue } from "@metka/testing/eventually"
import { topicRecords } from "@metka/testing/topicRecords"
import { whileRunning } from "@metka/testing/whileRunning"
import { Effect, Layer, References } from "effect"
import { SqlClient } from "effect/sql"
import { hash } from "node:crypto"
import * as Dds from "../src/Dds.ts"

/** A version of an order as STG sends it. `dishes`: `dish:category`, or `dish:category:name`. */
export interface Order {
  readonly id: number
  readonly version: number
  readonly status?: string
  readonly guest?: string
  readonly guestName?: string
  readonly guestVersion?: number
  readonly restaurant?: string
  readonly restaurantName?: string
  readonly restaurantVersion?: number
  readonly dishes?: ReadonlyArray<string>
  readonly cost?: number
  readonly date?: string
}

const day = (n: number) => `2023-04-${String(n).padStart(2, "0")} 00:00:00`

export const versionText = (n: number): string =>
  `${fixedWidth(day(n))}|${fixedWidth(day(n))}|${hash("sha256", String(n), "hex")}`

const value = (order: Order): StgOrder => ({
  object_id: order.id,
  object_type: "order",
  payload: {
    id: order.id,
    date: order.date ?? day(1),
    cost: order.cost ?? 100,
    payment: order.cost ?? 100,
    status: order.status ?? "CLOSED",
    restaurant: { id: order.restaurant ?? "r1", name: order.restaurantName ?? "Кофейня №1" },
    user: { id: order.guest ?? "u1", name: order.guestName ?? "Котова" },
    products: (order.dishes ?? ["soup:soups"]).map((text) => {
      const [id = "", category = "", name = id] = text.split(":")
      return { id, price: 50, quantity: 1, name, category }
    })
  }
})

export const toOutgoing = (order: Order): OutgoingRecord => ({
  key: order.guest ?? "u1",
  value: JSON.stringify(value(order)),
  headers: {
    [header.orderVersion]: versionText(order.version),
    [header.userLogin]: `${order.guest ?? "u1"} login`,
    [header.userVersion]: day(order.guestVersion ?? 1),
    [header.restaurantVersion]: day(order.restaurantVersion ?? 1)
  }
})

/** Kafka, health and names of topics of one test's own; one partition, so that messages come in the order sent. */
export const surroundings = () =>
  Layer.mergeAll(
    KafkaMemory.layer({ partitions: 1 }),
    Health.layer({ components: ["kafka", "postgres"] }),
    Topology.layerDefault(),
    Layer.succeed(References.MinimumLogLevel, "Error")
  )

const isDone = Effect.gen(function* () {
  const { groupDds, stgOrders } = yield* Topology
  const lag = yield* (yield* Kafka).lag(stgOrders, groupDds)
  return lag.every(({ committed, end }) => committed === end)
})

export const send = Effect.fnUntraced(function* (records: ReadonlyArray<OutgoingRecord>) {
  const { stgOrders } = yield* Topology
  yield* (yield* Kafka).publish(stgOrders, records)
})

export const untilDone = eventuallyTrue("all orders are committed", isDone)

/** Each of these as a batch of its own. */
export const takeInRecords = (...batches: ReadonlyArray<ReadonlyArray<OutgoingRecord>>) =>
  whileRunning(
    Dds.run,
    Effect.forEach(batches, (batch) => Effect.andThen(send(batch), untilDone), { discard: true })
  )

export const takeIn = (...batches: ReadonlyArray<ReadonlyArray<Order>>) =>
  takeInRecords(...batches.map((batch) => batch.map(toOutgoing)))

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString("utf8")

/** What DDS has sent to CDM, `order version`, and how many rows each has. */
export const sent = Effect.gen(function* () {
  const { cdmStats } = yield* Topology
  return (yield* topicRecords(cdmStats)).map(({ headers, key, value }) => ({
    key: text(key),
    order: text(headers.get(header.orderId)),
    version: text(headers.get(header.orderVersion)),
    date: text(headers.get(header.orderDate)),
    rows: (JSON.parse(text(value)) as ReadonlyArray<unknown>).length
  }))
})

/** What the vault says of orders now: the rows of the version in effect, by business keys. */
export const currentOrders = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{
    id: string
    date: string
    status: string
    cost: string
    guest: string
    restaurant: string
    dishes: string
  }>`
    select hub.order_id::text as id, hub.order_dt::text as date, status.status, cost.cost::text as cost,
      h_user.user_id as guest, restaurant.restaurant_id as restaurant,
      (
        select coalesce(string_agg(product_id || ':' || category_name, ',' order by product_id collate "C"), '')
        from dds.s_order_product item
        join dds.l_order_product using (hk_order_product_pk) join dds.h_product using (h_product_pk)
        join dds.h_category using (h_category_pk)
        where item.h_order_pk = hub.h_order_pk and item.version_no = hub.version_no
      ) as dishes
    from dds.h_order hub
    join dds.s_order_status status using (h_order_pk, version_no)
    join dds.s_order_cost cost using (h_order_pk, version_no)
    join dds.s_order_effectivity effective using (h_order_pk, version_no)
    join dds.h_user using (h_user_pk)
    join dds.h_restaurant restaurant using (h_restaurant_pk)
    join dds.l_order_user using (h_order_pk, h_user_pk)
    order by hub.order_id`
})

/** The newest name of everything, by version and by load alike. */
export const currentNames = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const newest = (table: string, key: string, name: string, version: string, hashdiff: string) =>
    sql.unsafe<{ name: string }>(`
    select distinct on (${key}) ${name} as name from ${table} order by ${key}, ${version} desc, ${hashdiff} desc`)
  const users = yield* newest(
    "dds.s_user_names",
    "h_user_pk",
    "username || ' ' || userlogin",
    "user_version",
    "hk_user_names_hashdiff"
  )
  const products = yield* newest(
    "dds.s_product_names",
    "h_product_pk",
    "name",
    "restaurant_version",
    "hk_product_names_hashdiff"
  )
  const restaurants = yield* newest(
    "dds.s_restaurant_names",
    "h_restaurant_pk",
    "name",
    "restaurant_version",
    "hk_restaurant_names_hashdiff"
  )
  return [...users, ...products, ...restaurants].map(({ name }) => name)
})
