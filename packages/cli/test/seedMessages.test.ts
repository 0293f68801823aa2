import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { Kafka, type KafkaRecord, type OutgoingRecord } from "@metka/core/Kafka"
import { KafkaFaults } from "@metka/core/KafkaFaults"
import { Topology } from "@metka/core/Topology"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { topicRecords } from "@metka/testing/topicRecords"

// The three examples of the contract, to the byte.
const sourceExample =
  '{"object_id": 1371198, "object_type": "order", "sent_dttm": "2023-04-08 20:27:36",\n' +
  ' "payload": {"restaurant": {"id": "ef8c42c19b7518a9aebec106"}, "date": "2023-04-01 20:45:43", "user": {"id": "626a81ce9a8cd1920641e29c"},\n' +
  '  "order_items": [{"id": "aeca4d08abab78869c20128c", "name": "Рис с лимоном", "price": 175, "quantity": 5}],\n' +
  '  "bonus_payment": 0, "cost": 875, "payment": 875, "bonus_grant": 0,\n' +
  '  "statuses": [{"status": "CLOSED", "dttm": "2023-04-01 20:45:43"}, {"status": "DELIVERING", "dttm": "2023-04-01 20:12:14"},\n' +
  '               {"status": "COOKING", "dttm": "2023-04-01 19:14:45"}, {"status": "OPEN", "dttm": "2023-04-01 18:55:52"}],\n' +
  '  "final_status": "CLOSED", "update_ts": "2023-04-01 20:45:43"}}'

const stgExample =
  '{"object_id": 322519, "object_type": "order",\n' +
  ' "payload": {"id": 322519, "date": "2022-11-19 16:06:36", "cost": 300, "payment": 300, "status": "CLOSED",\n' +
  '  "restaurant": {"id": "626a81cfefa404208fe9abae", "name": "Кофейня №1"},\n' +
  '  "user": {"id": "626a81ce9a8cd1920641e296", "name": "Котова Ольга Вениаминовна"},\n' +
  '  "products": [{"id": "6276e8cd0cf48b4cded00878", "price": 180, "quantity": 1, "name": "РОЛЛ С ТОФУ И ВЯЛЕНЫМИ ТОМАТАМИ", "category": "Выпечка"}]}}'

const cdmExample =
  '[{"user_id": "47044875-5c7b-448e-830a-bc6d13fe11da", "product_id": "b7d5264c-2b37-4666-be51-23f80756892c", "product_name": "Салат Тбилисо",\n' +
  '  "category_id": "8690bd24-85e0-4eab-8091-26c81995cd1c", "category_name": "Салаты", "order_cnt": 1}]'

const references = new Map(
  [
    { _id: "626a81ce9a8cd1920641e29c", name: "Иванов Пётр", login: "ivanov", update_ts_utc: "2023-03-01 10:00:00" },
    {
      _id: "ef8c42c19b7518a9aebec106",
      name: "Вкус Индии",
      menu: [{ _id: "aeca4d08abab78869c20128c", name: "Рис с лимоном и мятой", price: 190, category: "Гарниры" }],
      update_ts_utc: "2023-03-02 11:30:00"
    }
  ].map((document) => [document._id, JSON.stringify(document)])
)

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString("utf8")

const headersOf = (record: KafkaRecord | undefined) =>
  Object.fromEntries(Array.from(record?.headers ?? [], ([name, value]) => [name, text(value)]))

const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/

/** The headers but the trace, which is another one each time. */
const assertHeaders = (record: KafkaRecord | undefined, expected: Readonly<Record<string, string>>) => {
  const { traceparent: trace, ...headers } = headersOf(record)
  assert.match(trace ?? "", traceparent)
  assert.deepStrictEqual(headers, expected)
}

const publishAndSettle = Effect.fnUntraced(function* (topic: string, ...records: ReadonlyArray<OutgoingRecord>) {
  const kafka = yield* Kafka
  yield* kafka.publish(topic, records)
  yield* settled(0)
})

const version = `2022-11-19 16:10:00.000000|2022-11-19 16:11:00.500000|${"ab".repeat(32)}`

const stgHeaders = {
  "order-version": version,
  "user-login": "kotova",
  "user-version": "2022-11-01 00:00:00",
  "restaurant-version": "2022-11-02 00:00:00"
}

/** UUIDs of the vault for the guest, dish and category of the example: the same on every run. */
const ofExample = {
  user: "faf54d8d-0cac-5bb2-b801-b88e949c9e96",
  product: "1d0320d6-6405-5109-ba05-df3b039bb600",
  category: "a4a3adff-ad8b-5e79-b136-381bd3f82f8b"
}

const expectedStats = JSON.stringify([
  {
    user_id: ofExample.user,
    product_id: ofExample.product,
    product_name: "РОЛЛ С ТОФУ И ВЯЛЕНЫМИ ТОМАТАМИ",
    category_id: ofExample.category,
    category_name: "Выпечка",
    order_cnt: 1
  }
])

const counters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const products = yield* sql`select user_id, product_id, product_name, order_cnt from cdm.user_product_counters`
  const categories = yield* sql`select user_id, category_id, category_name, order_cnt from cdm.user_category_counters`
  return { products, categories }
})

const ofCdmExample = (count: number) => ({
  products: [
    {
      user_id: "47044875-5c7b-448e-830a-bc6d13fe11da",
      product_id: "b7d5264c-2b37-4666-be51-23f80756892c",
      product_name: "Салат Тбилисо",
      order_cnt: count
    }
  ],
  categories: [
    {
      user_id: "47044875-5c7b-448e-830a-bc6d13fe11da",
      category_id: "8690bd24-85e0-4eab-8091-26c81995cd1c",
      category_name: "Салаты",
      order_cnt: count
    }
  ]
})

const deadLetters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`select reason, detail from ops.dead_letters`
})

layer(memoryDatabase, { excludeTestServices: true, timeout: "60 seconds" })("The contract's example", (it) => {
  it.effect("of the orders topic comes out of STG as the contract says, to the byte, and is kept to the byte", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { stgOrders } = yield* Topology
        yield* loadReferences(references)
        yield* send([{ key: null, value: Buffer.from(sourceExample) }])
        yield* settled(0)
        const records = yield* topicRecords(stgOrders)
        assert.deepStrictEqual(
          records.map(({ key, value }) => [text(key), text(value)]),
          [
            [
              "626a81ce9a8cd1920641e29c",
              '{"object_id":1371198,"object_type":"order","payload":{"id":1371198,"date":"2023-04-01 20:45:43","cost":875,' +
                '"payment":875,"status":"CLOSED","restaurant":{"id":"ef8c42c19b7518a9aebec106","name":"Вкус Индии"},' +
                '"user":{"id":"626a81ce9a8cd1920641e29c","name":"Иванов Пётр"},"products":[{"id":"aeca4d08abab78869c20128c",' +
                '"price":175,"quantity":5,"name":"Рис с лимоном и мятой","category":"Гарниры"}]}}'
            ]
          ]
        )
        const hash = createHash("sha256").update(sourceExample).digest("hex")
        assertHeaders(records[0], {
          "order-version": `2023-04-01 20:45:43.000000|2023-04-08 20:27:36.000000|${hash}`,
          "user-login": "ivanov",
          "user-version": "2023-03-01 10:00:00",
          "restaurant-version": "2023-03-02 11:30:00"
        })
        const sql = yield* SqlClient.SqlClient
        const events =
          yield* sql`select object_id::text, object_type, sent_dttm::text, payload::text from stg.order_events`
        assert.deepStrictEqual(events, [
          {
            object_id: "1371198",
            object_type: "order",
            sent_dttm: "2023-04-08 20:27:36",
            payload: sourceExample.slice(sourceExample.indexOf('{"restaurant"'), -1)
          }
        ])
      })
    )
  )

  it.effect("of stg-service-orders comes out of DDS as the contract says, to the byte", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { cdmStats, stgOrders } = yield* Topology
        yield* publishAndSettle(stgOrders, { key: "626a81ce9a8cd1920641e296", value: stgExample, headers: stgHeaders })
        const records = yield* topicRecords(cdmStats)
        assert.deepStrictEqual(
          records.map(({ key, value }) => [text(key), text(value)]),
          [["626a81ce9a8cd1920641e296", expectedStats]]
        )
        assertHeaders(records[0], {
          "order-version": version,
          "order-id": "322519",
          "order-date": "2022-11-19 16:06:36",
          "restaurant-version": "2022-11-02 00:00:00"
        })
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`select h_user_pk, username, userlogin from dds.s_user_names`, [
          { h_user_pk: ofExample.user, username: "Котова Ольга Вениаминовна", userlogin: "kotova" }
        ])
      })
    )
  )

  it.effect("of stg-service-orders is as good without headers, and older than any version with one", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { cdmStats, stgOrders } = yield* Topology
        const bare = { key: "626a81ce9a8cd1920641e296", value: stgExample, headers: {} }
        yield* publishAndSettle(stgOrders, bare)
        const [record] = yield* topicRecords(cdmStats)
        assert.deepStrictEqual([text(record?.key), text(record?.value)], ["626a81ce9a8cd1920641e296", expectedStats])
        assert.include(headersOf(record), { "order-id": "322519", "order-date": "2022-11-19 16:06:36" })

        const cancelled = { ...bare, value: stgExample.replace("CLOSED", "CANCELLED"), headers: stgHeaders }
        yield* publishAndSettle(stgOrders, cancelled)
        assert.deepStrictEqual(yield* counters, { products: [], categories: [] })
        yield* publishAndSettle(stgOrders, bare)
        assert.deepStrictEqual(yield* counters, { products: [], categories: [] }, "a version without header came late")
        assert.deepStrictEqual(yield* deadLetters, [])
      })
    )
  )

  it.effect("of cdm-service-stats is counted, once however often it comes, and tags the guest", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { cdmStats, guestTags } = yield* Topology
        yield* applyRules([{ tag: "любит выпечку", category: "Выпечка", threshold: 1 }])
        const order = (id: string, value = cdmExample): OutgoingRecord => ({
          key: "626a81ce9a8cd1920641e2aa",
          value,
          headers: {
            "order-version": version,
            "order-id": id,
            "order-date": "2022-11-19 16:06:36",
            "restaurant-version": "2022-11-02 00:00:00"
          }
        })
        yield* publishAndSettle(cdmStats, order("1"), order("1"))
        assert.deepStrictEqual(yield* counters, ofCdmExample(1))
        yield* publishAndSettle(cdmStats, order("2"), order("1"))
        assert.deepStrictEqual(yield* counters, ofCdmExample(2))
        assert.deepStrictEqual(yield* topicRecords(guestTags), [])

        // The example in a category of the vault, which a rule can be for.
        const pastry = cdmExample
          .replace("8690bd24-85e0-4eab-8091-26c81995cd1c", ofExample.category)
          .replace("Салаты", "Выпечка")
        yield* publishAndSettle(cdmStats, order("3", pastry), order("4", pastry))
        const [tag, ...others] = yield* topicRecords(guestTags)
        assert.deepStrictEqual(others, [])
        assert.strictEqual(text(tag?.key), "626a81ce9a8cd1920641e2aa")
        assert.match(
          text(tag?.value),
          /^\{"user_id":"626a81ce9a8cd1920641e2aa","tag":"любит выпечку","action":"given","order_cnt":2,"rule_version":1,"at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}$/
        )
        assert.match(headersOf(tag)["event-id"] ?? "", /^[1-9]\d*$/)
        assert.match(headersOf(tag)["traceparent"] ?? "", traceparent)
        assert.deepStrictEqual(yield* deadLetters, [])
      })
    )
  )

  it.effect("of cdm-service-stats without headers is an order of its own, and the same one when delivered again", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { cdmStats, groupCdm } = yield* Topology
        const faults = yield* KafkaFaults
        const bare = { key: "626a81ce9a8cd1920641e2aa", value: cdmExample, headers: {} }
        yield* publishAndSettle(cdmStats, bare)
        assert.deepStrictEqual(yield* counters, ofCdmExample(1))
        yield* publishAndSettle(cdmStats, bare)
        assert.deepStrictEqual(yield* counters, ofCdmExample(2), "another message")
        const [record] = yield* topicRecords(cdmStats)
        assert.isDefined(record)
        yield* faults.redeliver({ topic: cdmStats, group: groupCdm, partition: record?.partition ?? 0, offset: 0 })
        // Of the same guest, so behind the two that are delivered again: once it is in, so are they.
        yield* publishAndSettle(cdmStats, bare)
        assert.deepStrictEqual(yield* counters, ofCdmExample(3))
        assert.deepStrictEqual(yield* deadLetters, [])
      })
    )
  )
})
