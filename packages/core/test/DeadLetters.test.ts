import { assert, layer } from "@effect/vitest"
import { atTime } from "@metka/testing/atTime"
import { embedded, emptied } from "@metka/testing/databaseLayers"
import { writtenRows } from "@metka/testing/writtenRows"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { type DeadLetter, keepDeadLetters } from "../src/DeadLetters.ts"
import type { KafkaRecord } from "../src/Kafka.ts"
import { BadRecord, cleanDetail } from "../src/messages/BadRecord.ts"
import { opsMigrations } from "../src/OpsSchema.ts"

const letter = (record: Partial<KafkaRecord> = {}, detail = "detail"): DeadLetter => ({
  record: {
    topic: "orders",
    partition: 0,
    offset: 0,
    timestamp: 1_680_000_000_123,
    key: null,
    value: null,
    headers: new Map(),
    ...record
  },
  bad: new BadRecord({ reason: "not_json", detail })
})

const kept = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{
    service: string
    offset: string
    timestamp: number
    key: Uint8Array | null
    value: Uint8Array | null
    headers: Record<string, unknown>
    detail: string
  }>`select service, "offset"::text as "offset", (extract(epoch from kafka_timestamp) * 1000)::float8 as timestamp,
      key, value, headers, detail from ops.dead_letters order by id`
})

const bytes = (value: Uint8Array | null | undefined): ReadonlyArray<number> | null =>
  value === null || value === undefined ? null : [...value]

/** Which order the letter of this record is said to be about. */
const orderOf = Effect.fnUntraced(function* (record: Partial<KafkaRecord>) {
  yield* emptied
  yield* keepDeadLetters("stg", [letter(record)])
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ order: string | null }>`select order_id as order from ops.dead_letters`
  assert.isDefined(row)
  return row?.order
})

layer(embedded(opsMigrations), { excludeTestServices: true, timeout: "1 minute" })("Dead letters", (it) => {
  it.effect(
    "hold the raw bytes, whatever they are, and what is said of them",
    () =>
      Effect.gen(function* () {
        const context = yield* Effect.context<SqlClient.SqlClient>()
        const anyBytes = fc.option(fc.uint8Array({ maxLength: 40 }))
        const anyLetter = fc.record({
          key: anyBytes,
          value: anyBytes,
          offset: fc.nat(Number.MAX_SAFE_INTEGER),
          header: fc.uint8Array({ maxLength: 12 }),
          headerName: fc.string({ unit: "binary", maxLength: 5 }),
          detail: fc.string({ unit: "binary", maxLength: 20 })
        })
        const property = fc.asyncProperty(anyLetter, ({ detail, header, headerName, ...record }) =>
          Effect.gen(function* () {
            yield* emptied
            yield* keepDeadLetters("stg", [
              letter({ ...record, headers: new Map([[headerName, header]]) }, cleanDetail(detail))
            ])
            const [row] = yield* kept
            assert.deepStrictEqual(bytes(row?.key), bytes(record.key))
            assert.deepStrictEqual(bytes(row?.value), bytes(record.value))
            assert.strictEqual(row?.offset, String(record.offset))
            assert.strictEqual(row?.detail, cleanDetail(detail))
          }).pipe(Effect.runPromiseWith(context))
        )
        yield* Effect.promise(() => fc.assert(property, { numRuns: 40 }))
      }),
    30_000
  )

  it.effect("hold headers as text where they are, else as base64", () =>
    Effect.gen(function* () {
      yield* emptied
      const headers = {
        text: Buffer.from("Кот 😀"),
        empty: Buffer.alloc(0),
        binary: Buffer.from([0xff, 0xfe]),
        zero: Buffer.from([0]),
        "n\u0000\uD800": Buffer.from("x")
      }
      yield* keepDeadLetters("stg", [letter({ headers: new Map(Object.entries(headers)) })])
      assert.deepStrictEqual((yield* kept)[0]?.headers, {
        text: "Кот 😀",
        empty: "",
        binary: { base64: "//4=" },
        zero: { base64: "AA==" },
        "n\uFFFD": "x"
      })
    })
  )

  it.effect("are kept once, as they were the first time; a topic that begins anew has letters of its own", () =>
    Effect.gen(function* () {
      yield* emptied
      yield* keepDeadLetters("stg", [letter({ offset: 1 }, "first"), letter({ offset: 2 })])
      const before = yield* writtenRows("ops.dead_letters")
      yield* keepDeadLetters("stg", [letter({ offset: 2 }, "again"), letter({ offset: 1 }, "again")])
      assert.deepStrictEqual(yield* writtenRows("ops.dead_letters"), before)
      yield* keepDeadLetters("stg", [letter({ offset: 1, timestamp: 1_690_000_000_000 }, "another")])
      assert.deepStrictEqual(
        (yield* kept).map(({ detail, offset }) => [offset, detail]),
        [
          ["1", "first"],
          ["2", "detail"],
          ["1", "another"]
        ]
      )
    })
  )

  it.effect("carry the service, Kafka's time to the millisecond, and the time of Effect's clock", () =>
    Effect.gen(function* () {
      yield* emptied
      yield* atTime(1_690_000_000_000)(keepDeadLetters("dds", [letter()]))
      const sql = yield* SqlClient.SqlClient
      const [received] = yield* sql`select 1 from ops.dead_letters where received_at = '2023-07-22T04:26:40Z'`
      assert.isDefined(received)
      const [row] = yield* kept
      assert.deepInclude(row, { service: "dds", timestamp: 1_680_000_000_123 })
    })
  )

  it.effect.each([
    ["without a time", -1],
    ["in microseconds", 1_680_000_000_000_000],
    ["in nanoseconds", 1_680_000_000_000_000_000],
    ["before all history", -8_640_000_000_000_000]
  ] as const)("hold a record whose producer stamped it %s", ([, timestamp]) =>
    Effect.gen(function* () {
      yield* emptied
      yield* keepDeadLetters("stg", [letter({ timestamp })])
      assert.strictEqual((yield* kept).length, 1)
    })
  )

  it.effect.each([
    ["first in its value", `{"object_id":1371198,"object_type":"order"}`, "1371198"],
    ["later, with spaces and after text that is no ASCII", `{ "a": "Кот 😀",\n"object_id" : 322519 \r\n}`, "322519"],
    ["in JSON that breaks off after it", `{"object_id": 7, "payload": {"na`, "7"],
    ["as a whole number with a fraction", `{"object_id": 875.00}`, "875"],
    ["before so much that it cannot be read back", `{"object_id": 8, "${"x".repeat(15_000_000)}"}`, "8"]
  ] as const)("say which order they are about that a message names %s", ([, value, order]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* orderOf({ value: Buffer.from(value) }), order)
    })
  )

  it.effect("say which order they are about that a header names, where the value does not", () =>
    Effect.gen(function* () {
      const headers = new Map([["order-id", Buffer.from("42")]])
      assert.strictEqual(yield* orderOf({ value: Buffer.from("[]"), headers }), "42")
      assert.strictEqual(yield* orderOf({ value: null, headers }), "42")
      assert.strictEqual(yield* orderOf({ value: Buffer.from(`{"object_id":7}`), headers }), "7")
    })
  )

  it.effect.each([
    ["no value", null],
    ["an empty one", ""],
    ["bytes that are no text", Uint8Array.from({ length: 256 }, (_, index) => index)],
    ["a number that breaks off", `{"object_id": 13`],
    ["a number that is not whole", `{"object_id": 12.5}`],
    ["a power", `{"object_id": 1e3}`],
    ["none that an order can have", `{"object_id": -3, "a": {"object_id": 0}, "b": {"object_id": 12345678901234567}}`],
    ["text", `{"object_id": "7"}`],
    ["a name in a text", `{"name": "\\"object_id\\": 7, "}`],
    ["it too late", `{"${"x".repeat(9_000)}": 1, "object_id": 7}`],
    ["it where the beginning ends", `{"${"x".repeat(8_192 - 18)}":"object_id": 7}`]
  ] as const)("do not say which order a message is about that has %s", ([, value]) =>
    Effect.gen(function* () {
      const headers = new Map([
        ["order-id", Buffer.from("1; drop")],
        ["odd", Buffer.from([0xff, 0])]
      ])
      assert.isNull(yield* orderOf({ value: value === null ? null : Buffer.from(value), headers }))
      assert.isNull(yield* orderOf({ headers: new Map([["order-id", Buffer.from([0xff])]]) }))
    })
  )

  it.effect("no letters make no statement", () => keepDeadLetters("stg", []))
})
