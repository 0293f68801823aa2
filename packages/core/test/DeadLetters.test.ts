import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { type DeadLetter, keepDeadLetters } from "../src/DeadLetters.ts"
import type { KafkaRecord } from "../src/Kafka.ts"
import { BadRecord, cleanDetail } from "../src/messages/BadRecord.ts"
import { opsMigrations } from "../src/OpsSchema.ts"
import { atTime, embedded, emptied, writtenRows } from "./DatabaseLayers.ts"

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

  it.effect("no letters make no statement", () => keepDeadLetters("stg", []))
})
