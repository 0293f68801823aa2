import { assert, layer } from "@effect/vitest"
import { readDeadLetters, type Selection, type services } from "@metka/console/DeadLetters"
import { keepDeadLetters } from "@metka/core/DeadLetters"
import { Kafka, KafkaError, type KafkaRecord, KafkaRefused } from "@metka/core/Kafka"
import { KafkaFaults } from "@metka/core/KafkaFaults"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { BadRecord } from "@metka/core/messages/BadRecord"
import { placeText } from "@metka/core/messages/place"
import { Topology } from "@metka/core/Topology"
import { atTime } from "@metka/testing/atTime"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { topicRecords } from "@metka/testing/topicRecords"
import { Effect, Exit, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { closeDeadLetters, deadLettersText, deadLetterText, readDeadLetter, unknownIds } from "../src/DeadLetters.ts"
import { planReplay, replay } from "../src/ReplayDeadLetters.ts"

const open: Selection = { closed: false }

/** A message that a service could not use: `place` is its offset in partition 0 of its topic. */
const letter = (
  place: number,
  value: string | Uint8Array | null,
  { reason = "schema", detail = "detail", ...record }: Partial<KafkaRecord & BadRecord> = {}
) => ({
  record: {
    topic: "cdm-service-stats",
    partition: 0,
    offset: place,
    timestamp: 1_680_000_000_000 + place,
    key: Buffer.from("guest"),
    value: typeof value === "string" ? Buffer.from(value) : value,
    headers: new Map<string, Uint8Array>(),
    ...record
  },
  bad: new BadRecord({ reason, detail })
})

const keep = (service: (typeof services)[number], ...letters: ReadonlyArray<ReturnType<typeof letter>>) =>
  keepDeadLetters(service, letters).pipe(atTime(Date.parse("2026-11-24T05:00:00Z")))

const stats = (orders: number) =>
  JSON.stringify(
    Array.from({ length: orders }, () => ({
      user_id: "47044875-5c7b-448e-830a-bc6d13fe11da",
      product_id: "b7d5264c-2b37-4666-be51-23f80756892c",
      product_name: "Салат Тбилисо",
      category_id: "8690bd24-85e0-4eab-8091-26c81995cd1c",
      category_name: "Салаты",
      order_cnt: 1
    }))
  )

const replayed = (selection: Selection) =>
  Effect.flatMap(planReplay(selection), (plan) => replay(selection, plan, () => Effect.void))

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString("utf8")

const counted = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`select order_cnt from cdm.user_category_counters`
})

/** Topics and tables without services. */
const withoutServices = <A, E, R>(use: Effect.Effect<A, E, R>, maxMessageBytes = 1_048_576) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`truncate ops.dead_letters restart identity`
    return yield* use
  }).pipe(Effect.provide(Layer.mergeAll(KafkaMemory.layer({ maxMessageBytes }), Topology.layerDefault())))

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("metka dead-letters", (it) => {
  it.effect("list says so when there are none", () =>
    withoutServices(
      Effect.gen(function* () {
        assert.strictEqual(deadLettersText(yield* readDeadLetters(open, 20)), "No dead letters.")
      })
    )
  )

  it.effect("list has the newest first, of one service or reason, and no text that drives a terminal", () =>
    withoutServices(
      Effect.gen(function* () {
        for (let place = 1; place <= 10; place++) yield* keep("stg", letter(place, "{", { topic: "orders" }))
        yield* keep(
          "dds",
          letter(11, "[]", {
            reason: "bad_header",
            detail: `order-id:\n \u001B[2J${"x".repeat(200)}`,
            headers: new Map([["order-id", Buffer.from("42")]])
          })
        )
        assert.strictEqual(
          deadLettersText(yield* readDeadLetters(open, 2)),
          [
            "id  received              service  topic              partition  offset  order    reason      detail",
            `11  2026-11-24T05:00:00Z  dds      cdm-service-stats  0          11      42       bad_header  order-id: \\u001b[2J${"x".repeat(81)}…`,
            "10  2026-11-24T05:00:00Z  stg      orders             0          10      unknown  schema      detail",
            "… and 9 more: --limit 11 lists them.",
            "",
            "npx metka dead-letters show ID    prints all of one",
            "npx metka dead-letters replay ID  sends it again, once a service can use it",
            "npx metka dead-letters close ID   lists it no more: nothing is left to do about it"
          ].join("\n")
        )
        assert.strictEqual((yield* readDeadLetters({ ...open, service: "dds" }, 20)).total, 1)
        assert.strictEqual((yield* readDeadLetters({ ...open, reason: "schema" }, 20)).total, 10)
        assert.strictEqual((yield* readDeadLetters({ ...open, reason: "not_json" }, 20)).total, 0)
      })
    )
  )

  it.effect("show prints all of one: text as text, bytes as bytes", () =>
    withoutServices(
      Effect.gen(function* () {
        const headers = new Map([
          ["order-id", Buffer.from("7")],
          ["odd", Buffer.from([0xff])]
        ])
        yield* keep("cdm", letter(5, `{"name":\n"Кот\u0000"}`, { headers }))
        yield* keep("stg", letter(6, Buffer.from([0xff, 0x00]), { key: null }))
        const shown = (id: number) =>
          Effect.map(readDeadLetter(id), (found) => (found === undefined ? undefined : deadLetterText(found)))
        assert.strictEqual(
          yield* shown(1),
          [
            "received    2026-11-24T05:00:00Z",
            "service     cdm",
            "topic       cdm-service-stats, partition 0, offset 5",
            "order       7",
            "timestamp   2023-03-28T10:40:00.005Z",
            "reason      schema",
            "detail      detail",
            "sent again  no",
            "closed      no",
            "key         guest",
            "headers     order-id: 7",
            "            odd: base64 /w==",
            "",
            "Its value, 19 bytes:",
            `{"name":`,
            `"Кот\\u0000"}`
          ].join("\n")
        )
        assert.match((yield* shown(2)) ?? "", /key +none\nheaders +none\n\nIts value, 2 bytes:\n0xff00$/)
        assert.isUndefined(yield* shown(3))
      })
    )
  )

  it.effect("show has a detail of several lines on as many, and nothing in it drives a terminal", () =>
    withoutServices(
      Effect.gen(function* () {
        yield* keep("stg", letter(1, "{}", { detail: 'Missing key\n  at ["payload"]\u001B[2J' }))
        const shown = yield* readDeadLetter(1)
        assert.include(
          shown === undefined ? "" : deadLetterText(shown),
          ["detail      Missing key", '              at ["payload"]\\u001b[2J', "sent again  no"].join("\n")
        )
      })
    )
  )

  it.effect("replay sends key, value and headers to the byte, with the place they had, and each once", () =>
    withoutServices(
      Effect.gen(function* () {
        const { cdmStats, orders, stgOrders } = yield* Topology
        const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
        const headers = new Map([
          ["order-version", Buffer.from("Кот 😀")],
          ["odd", Buffer.from([0xff, 0x00])]
        ])
        yield* keep("cdm", letter(1, bytes, { key: bytes, headers }))
        yield* keep("dds", letter(2, "dds", { key: null }))
        yield* keep("stg", letter(3, "stg", { timestamp: 1_680_000_000_000_000_000 }), letter(4, "later"))
        const before = Date.now()
        assert.deepStrictEqual(yield* replayed(open), {
          sent: { [cdmStats]: 1, [stgOrders]: 1, [orders]: 2 },
          tooLarge: []
        })
        const [record, ...others] = yield* topicRecords(cdmStats)
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual([...(record?.key ?? [])], [...bytes])
        assert.deepStrictEqual([...(record?.value ?? [])], [...bytes])
        // With the old time the broker could delete it before it is read.
        assert.isAtLeast(record?.timestamp ?? 0, before)
        assert.deepStrictEqual([...(record?.headers.get("odd") ?? [])], [0xff, 0x00])
        assert.strictEqual(text(record?.headers.get("order-version")), "Кот 😀")
        assert.strictEqual(text(record?.headers.get("replay-of")), "cdm-service-stats:0:1:1680000000001")
        assert.strictEqual((yield* topicRecords(stgOrders))[0]?.key, null)
        const sent = new Map((yield* topicRecords(orders)).map((record) => [text(record.value), record.headers]))
        assert.strictEqual(
          text(sent.get("stg")?.get("replay-of")),
          placeText(letter(3, "", { timestamp: 1_680_000_000_000_000_000 }).record)
        )

        assert.strictEqual((yield* readDeadLetters(open, 20)).total, 0)
        assert.deepStrictEqual((yield* replayed(open)).sent, {})
        assert.deepStrictEqual((yield* replayed({ ids: [1], closed: true })).sent, { [cdmStats]: 1 })
        assert.lengthOf(yield* topicRecords(cdmStats), 2)
      })
    )
  )

  it.effect("replay sends those that are asked for, a few megabytes at a time, and says how far it is", () =>
    withoutServices(
      Effect.gen(function* () {
        const { cdmStats } = yield* Topology
        yield* keep("cdm", ...Array.from({ length: 9 }, (_, place) => letter(place, `${place}`.padEnd(1_000_000))))
        const selection: Selection = { service: "cdm", reason: "schema", closed: false }
        const done: Array<number> = []
        const plan = yield* planReplay(selection)
        assert.strictEqual(plan.sendable, 9)
        // An id beyond 32 bits beside small ones.
        assert.deepStrictEqual(
          (yield* replay({ ...selection, ids: [3, 3_000_000_000] }, plan, () => Effect.void)).sent,
          { [cdmStats]: 1 }
        )
        yield* replay(selection, plan, (count) => Effect.sync(() => done.push(count)))
        assert.deepStrictEqual(done, [5, 8])
        const values = (yield* topicRecords(cdmStats)).map(({ value }) => Number(text(value)))
        assert.deepStrictEqual(values, [2, 0, 1, 3, 4, 5, 6, 7, 8])
        assert.deepStrictEqual(yield* unknownIds([1, 3_000_000_000]), [3_000_000_000])
      })
    )
  )

  it.effect("replay that ends before the broker has a letter leaves it open", () =>
    withoutServices(
      Effect.gen(function* () {
        yield* keep("cdm", letter(1, "1"), letter(2, "2"))
        const kafka = yield* Kafka
        const crash = { ...kafka, publish: () => Effect.die("crash") }
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.provideService(replayed(open), Kafka, crash))))
        assert.strictEqual((yield* readDeadLetters(open, 20)).total, 2)
      })
    )
  )

  it.effect("replay leaves out what is too large to be read back, and goes on", () =>
    withoutServices(
      Effect.gen(function* () {
        const { cdmStats } = yield* Topology
        yield* keep("cdm", letter(1, "1"), letter(2, new Uint8Array(16 * 1_048_576)), letter(3, "3"))
        assert.deepInclude(yield* planReplay(open), { sendable: 2, unreadable: 1 })
        assert.deepStrictEqual((yield* replayed(open)).sent, { [cdmStats]: 2 })
      })
    )
  )

  it.effect("replay waits for a broker that breaks off in between, and fails when it refuses us", () =>
    withoutServices(
      Effect.gen(function* () {
        const { cdmStats } = yield* Topology
        yield* keep("cdm", letter(1, "1"), letter(2, "2"))
        const faults = yield* KafkaFaults
        yield* faults.breakNextPublishAfter(1)
        yield* replayed(open)
        assert.deepStrictEqual(
          (yield* topicRecords(cdmStats)).map(({ value }) => text(value)),
          ["1", "1", "2"]
        )
        assert.strictEqual((yield* readDeadLetters(open, 20)).total, 0)

        yield* keep("cdm", letter(3, "3"))
        const reason = new KafkaRefused({ message: "not authorized" })
        const refuse = () => Effect.fail(new KafkaError({ operation: "publish", reason }))
        const error = yield* Effect.flip(
          Effect.provideService(replayed(open), Kafka, { ...(yield* Kafka), publish: refuse })
        )
        assert.match(error.message, /not authorized/)
        assert.strictEqual((yield* readDeadLetters(open, 20)).total, 1)
      })
    )
  )

  it.effect("replay leaves out what has no value or what STG can publish again, and what the broker refuses", () =>
    withoutServices(
      Effect.gen(function* () {
        const { cdmStats } = yield* Topology
        yield* keep("stg", letter(1, "order", { reason: "refused_by_kafka" }))
        yield* keep(
          "cdm",
          letter(2, null, { reason: "empty_value" }),
          letter(3, "x".repeat(2_000)),
          letter(4, "small", { reason: "refused_by_kafka" })
        )
        const plan = yield* planReplay(open)
        assert.deepInclude(plan, { sendable: 2, withoutValue: 1, toRepublish: 1 })
        assert.deepStrictEqual(yield* replayed(open), { sent: { [cdmStats]: 1 }, tooLarge: ["3"] })
        assert.deepStrictEqual(
          (yield* readDeadLetters(open, 20)).newest.map(({ id }) => id),
          ["3", "2", "1"]
        )
      }),
      1_000
    )
  )

  it.effect("close takes letters from the list, and they can be sent again all the same", () =>
    withoutServices(
      Effect.gen(function* () {
        const { cdmStats } = yield* Topology
        yield* keep("cdm", letter(1, "1"), letter(2, "2"), letter(3, "3", { reason: "not_json" }))
        assert.strictEqual(yield* closeDeadLetters({ ids: [1], closed: false }), 1)
        assert.strictEqual(yield* closeDeadLetters({ reason: "schema", closed: false }), 1)
        assert.deepStrictEqual(
          (yield* readDeadLetters(open, 20)).newest.map(({ id }) => id),
          ["3"]
        )
        assert.strictEqual((yield* readDeadLetters({ closed: true }, 20)).total, 3)
        const closed = yield* readDeadLetter(1)
        assert.deepStrictEqual([closed?.replayedAt, closed?.closedAt === null], [null, false])
        assert.deepStrictEqual((yield* replayed({ ids: [1], closed: true })).sent, { [cdmStats]: 1 })
      })
    )
  )

  it.effect("what can be used now is counted: an order without an id once, however often it is sent", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* keep("cdm", letter(1, stats(1)), letter(2, stats(1)))
        yield* replayed(open)
        yield* settled(0)
        assert.deepStrictEqual(yield* counted, [{ order_cnt: 2 }])
        yield* replayed({ closed: true })
        yield* settled(0)
        assert.deepStrictEqual(yield* counted, [{ order_cnt: 2 }])
        assert.strictEqual((yield* readDeadLetters(open, 20)).total, 0)
      })
    )
  )

  it.effect("an order that says it was sent again, and not from where, is a dead letter", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { cdmStats } = yield* Topology
        const headers = { "replay-of": "cdm-service-stats:0:1" }
        yield* (yield* Kafka).publish(cdmStats, [{ key: "guest", value: stats(1), headers }])
        yield* settled(0)
        assert.deepStrictEqual(yield* counted, [])
        const [kept] = (yield* readDeadLetters(open, 20)).newest
        assert.deepInclude(kept, {
          reason: "bad_header",
          detail: "replay-of: expected topic:partition:offset:timestamp"
        })
      })
    )
  )

  it.effect(
    "what still cannot be used comes back as a letter that knows where it was at first, and is not chased",
    () =>
      withMemorySystem(
        {},
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* keep("stg", letter(1, "no order", { reason: "not_json" }))
          for (let round = 1; round <= 2; round++) {
            assert.deepStrictEqual((yield* replayed(open)).sent, { "order-service_orders": 1 })
            yield* settled(0)
          }
          const letters = yield* sql<{ origin: string | null; open: boolean }>`
          select headers ->> 'replay-of' as origin, replayed_at is null as open from ops.dead_letters order by id`
          const origin = "cdm-service-stats:0:1:1680000000001"
          assert.deepStrictEqual(letters, [
            { origin: null, open: false },
            { origin, open: false },
            { origin, open: true }
          ])
        })
      )
  )
})
