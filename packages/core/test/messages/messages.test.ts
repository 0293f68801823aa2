import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import fc from "fast-check"
import type { KafkaRecord } from "../../src/Kafka.ts"
import { readOrderVersion, readOrigin, readReferenceVersion } from "../../src/messages/headers.ts"
import { decodeSourceOrder } from "../../src/messages/SourceOrder.ts"
import * as OrderVersion from "../../src/messages/OrderVersion.ts"
import { referenceVersion } from "../../src/messages/ReferenceVersion.ts"
import { placeText } from "../../src/messages/place.ts"
import { fixedWidth, isTimestamp } from "../../src/messages/Timestamp.ts"
import { unstorableText } from "../../src/messages/unstorableText.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const message = (
  change: (order: Record<string, unknown>, payload: Record<string, unknown>) => void = () => {}
): string => {
  const payload: Record<string, unknown> = {
    restaurant: { id: "r" },
    date: "2023-04-01 20:45:43",
    user: { id: "u" },
    order_items: [{ id: "d", name: "Рис", price: 175, quantity: 5 }],
    bonus_payment: 0,
    cost: 875,
    payment: 875,
    bonus_grant: 0,
    statuses: [{ status: "CLOSED", dttm: "2023-04-01 20:45:43" }],
    final_status: "CLOSED",
    update_ts: "2023-04-01 20:45:43"
  }
  const order: Record<string, unknown> = {
    object_id: 1,
    object_type: "order",
    sent_dttm: "2023-04-08 20:27:36",
    payload
  }
  change(order, payload)
  return JSON.stringify(order)
}

const reasonOf = (text: string | Uint8Array): string | undefined => {
  const result = decodeSourceOrder(typeof text === "string" ? bytes(text) : text)
  return Result.isFailure(result) ? result.failure.reason : undefined
}

describe("an order message", () => {
  it("is accepted with unknown fields, without the fields nobody uses, with no dishes, with 875.00 and with fractions of seconds", () => {
    assert.isUndefined(reasonOf(message()))
    assert.isUndefined(reasonOf(message((order) => Object.assign(order, { extra: { deep: [1] } }))))
    assert.isUndefined(
      reasonOf(
        message((_, payload) => {
          delete payload["statuses"]
          delete payload["bonus_grant"]
          payload["order_items"] = []
        })
      )
    )
    assert.isUndefined(reasonOf(message().replace("875", "875.00")))
    for (const spelled of ["1.00", "1e0", "0.1E+1", "100e-2", "1200", "12e2"]) {
      assert.isUndefined(reasonOf(message().replace('"object_id":1', `"object_id":${spelled}`)), spelled)
    }
    assert.isUndefined(
      reasonOf(message((_, payload) => Object.assign(payload, { update_ts: "2023-04-01 20:45:43.123" })))
    )
  })

  it.each([
    ["not JSON", "{", "not_json"],
    ["a BOM", `\uFEFF${message()}`, "not_json"],
    ["bytes that are not UTF-8", Uint8Array.of(0x22, 0xff, 0x22), "not_utf8"],
    ["no bytes", "", "empty_value"],
    ["an array", "[]", "schema"],
    ["object_id 0", message((order) => Object.assign(order, { object_id: 0 })), "schema"],
    ["object_id 1.5", message((order) => Object.assign(order, { object_id: 1.5 })), "schema"],
    ["object_id 0.9…", message().replace('"object_id":1', '"object_id":0.99999999999999999999'), "schema"],
    ["object_id 1 + 1e-20", message().replace('"object_id":1', '"object_id":100000000000000000001e-20'), "schema"],
    ["object_id 2^53", message().replace('"object_id":1', '"object_id":9007199254740992'), "schema"],
    ["object_id as text", message((order) => Object.assign(order, { object_id: "1" })), "schema"],
    ["another object_type", message((order) => Object.assign(order, { object_type: "user" })), "schema"],
    ["30 February", message((_, payload) => Object.assign(payload, { date: "2023-02-30 10:00:00" })), "schema"],
    ["a time with a zone", message((_, payload) => Object.assign(payload, { date: "2023-02-03 10:00:00Z" })), "schema"],
    ["an empty final_status", message((_, payload) => Object.assign(payload, { final_status: "" })), "schema"],
    ["an empty user id", message((_, payload) => Object.assign(payload, { user: { id: "" } })), "schema"],
    ["cost 1e999", message().replace("875", "1e999"), "schema"],
    ["a negative price", message().replace("175", "-175"), "schema"],
    ["U+0000 in an unknown field", message((order) => Object.assign(order, { note: "a\u0000" })), "unstorable_text"],
    ["U+0000 in a key", message((order) => Object.assign(order, { "a\u0000": 1 })), "unstorable_text"],
    ["a lone surrogate", message().replace("Рис", "\\ud800"), "unstorable_text"]
  ])("with %s is a dead letter", (_, text, reason) => {
    assert.strictEqual(reasonOf(text), reason)
  })

  it("is judged at once, however long its object_id is", () => {
    const long = message().replace('"object_id":1', `"object_id":1.${"0".repeat(900_000)}1`)
    const before = performance.now()
    assert.strictEqual(reasonOf(long), "schema")
    assert.isBelow(performance.now() - before, 1_000)
  })

  it("refuses a time exactly when no calendar has it", () => {
    fc.assert(
      fc.property(fc.nat(9_999), fc.nat(13), fc.nat(32), fc.nat(24), (year, month, day, hour) => {
        const pad = (value: number, width: number) => String(value).padStart(width, "0")
        const text = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)} ${pad(hour, 2)}:00:00`
        const parsed = new Date(`${text.replace(" ", "T")}Z`)
        const exists =
          year >= 1 && !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(text.replace(" ", "T"))
        assert.strictEqual(isTimestamp(text), exists)
      })
    )
  })
})

describe("text that PostgreSQL cannot hold", () => {
  it("is found exactly when a string or key of the parsed value has it", () => {
    const piece = fc.constantFrom("\\u0000", "\\ud83d", "\\ude00", "\\u0041", "\\\\", "\\\\u0000", "a", "\\n", '\\"')
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const json = `"${pieces.join("")}"`
        const value: string = JSON.parse(json)
        assert.strictEqual(unstorableText(json) !== undefined, value.includes("\u0000") || !value.isWellFormed())
      })
    )
  })
})

describe("order version", () => {
  it("is compared bytewise in the order of the times, fractions included", () => {
    assert.strictEqual(fixedWidth("2023-04-01 20:45:43"), "2023-04-01 20:45:43.000000")
    assert.strictEqual(fixedWidth("2023-04-01 20:45:43.1234567"), "2023-04-01 20:45:43.123456")
    const at = (updateTs: string) => OrderVersion.fromMessage(updateTs, "2023-04-08 20:27:36", bytes("x"))
    assert.isTrue(at("2023-04-01 20:45:43") < at("2023-04-01 20:45:43.000001"))
    assert.isTrue(at("2023-04-01 20:45:43.1") < at("2023-04-01 20:45:43.12"))
  })

  it("of a message without the header is older than any with one, and ordered by the Kafka timestamp", () => {
    const withHeader = OrderVersion.fromMessage("0001-01-01 00:00:00", "0001-01-01 00:00:00", bytes("x"))
    assert.isTrue(OrderVersion.withoutHeader(Date.now(), bytes("x")) < withHeader)
    assert.isTrue(OrderVersion.withoutHeader(999, bytes("x")) < OrderVersion.withoutHeader(1_000, bytes("x")))
    for (const timestamp of [-1, 1, 1.7e18, 2 ** 63]) {
      const without = OrderVersion.withoutHeader(timestamp, bytes("x"))
      assert.strictEqual(OrderVersion.parseOrderVersion(without), without)
    }
    assert.strictEqual(OrderVersion.parseOrderVersion(withHeader), withHeader)
  })

  it("that somebody else wrote is compared as STG's own, whatever fractions its times have", () => {
    const read = OrderVersion.parseOrderVersion
    const hash = "f".repeat(64)
    const whole = read(`2023-01-01 00:00:00|2023-01-01 00:00:00.5|${hash}`) ?? ""
    assert.strictEqual(whole, `2023-01-01 00:00:00.000000|2023-01-01 00:00:00.500000|${hash}`)
    assert.isTrue(whole < (read(`2023-01-01 00:00:00.5|2023-01-01 00:00:00|${hash}`) ?? ""))
  })

  it.each([
    ["~"],
    ["a|b|c"],
    ["2023-01-01 00:00:00"],
    ["2023-01-01 00:00:00|2023-01-01 00:00:00"],
    ["2023-01-01 00:00:00|2023-01-01 00:00:00|"],
    ["9999-99-99 99:99:99|9999-99-99 99:99:99|ffff"],
    ["2023-02-30 00:00:00|2023-01-01 00:00:00|ffff"],
    ["!0001|ffff"]
  ])("%s is none: it could be newer than every time there is", (text) => {
    assert.isUndefined(OrderVersion.parseOrderVersion(text))
  })
})

describe("the version of a reference", () => {
  it.each([
    ["2025-06-01 00:00:00", "2025-06-01 00:00:00"],
    ["2025-06-01 00:00:00.500", "2025-06-01 00:00:00.500"],
    ["2025-06-01T00:00:00", "2025-06-01 00:00:00"],
    ["2025-06-01T00:00:00.123Z", "2025-06-01 00:00:00.123"],
    ["2025-07-01 00:00:00Z", "2025-07-01 00:00:00"],
    ["2025-07-01 00:00:00 UTC", "2025-07-01 00:00:00"],
    ["2025-07-01T00:00:00+00:00", "2025-07-01 00:00:00"],
    ["2025-07-01 00:00:00.25+00", "2025-07-01 00:00:00.25"],
    ["2025-07-01T01:30:00.5+03:00", "2025-06-30 22:30:00.5"],
    ["2025-06-30T22:30:00-0530", "2025-07-01 04:00:00"],
    ["2025-07-01T09:30", "2025-07-01 09:30:00"],
    ["2025-07-01", "2025-07-01 00:00:00"]
  ])("%s is the time %s: spelled in another way it is no newer", (text, version) => {
    assert.strictEqual(referenceVersion(text), version)
  })

  it.each([
    ["zzz"],
    ["yesterday"],
    ["9999-99-99 99:99:99"],
    ["2025-02-30"],
    ["0001-01-01T00:00:00+01:00"],
    ["!0000000000000000"],
    [""]
  ])("%j is older than any time: its names do not stay for ever", (text) => {
    assert.isTrue(referenceVersion(text) < referenceVersion("0001-01-01 00:00:00"))
  })
})

describe("a message that is sent again from the dead letters", () => {
  const record = (timestamp: number, headers: Readonly<Record<string, string>> = {}): KafkaRecord => ({
    topic: "t",
    partition: 1,
    offset: 2,
    timestamp,
    key: null,
    value: bytes("x"),
    headers: new Map(Object.entries(headers).map(([name, text]) => [name, bytes(text)]))
  })
  const replayed = (first: KafkaRecord) => ({
    ...record(1_690_000_000_000, { "replay-of": placeText(first) }),
    partition: 0,
    offset: 9
  })

  it.each([[1_680_000_000_123], [0], [-1], [1.68e18]])("is as new as it was at first, at %d", (timestamp) => {
    const first = record(timestamp)
    assert.deepStrictEqual(readOrigin(replayed(first)).pipe(Result.map(placeText)), Result.succeed(placeText(first)))
    assert.deepStrictEqual(readOrderVersion(replayed(first)), readOrderVersion(first))
    assert.deepStrictEqual(
      readReferenceVersion(replayed(first), "user-version"),
      readReferenceVersion(first, "user-version")
    )
  })

  it.each([["t:1:2"], ["t:1:2:x"], ["a topic:1:2:3"], ["t:1:2:3:4"], [""]])("says where from, and not %j", (text) => {
    const result = readOrderVersion(record(1, { "replay-of": text }))
    assert.isTrue(Result.isFailure(result) && result.failure.reason === "bad_header")
  })
})
