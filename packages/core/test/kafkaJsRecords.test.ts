import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { createRequire } from "node:module"

/** As kafkajs is patched here. */
interface RecordMessage {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | string | null | ReadonlyArray<Buffer>>>
  /** Milliseconds. */
  readonly timestamp: number
}

interface DecodedRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly offset: string
  readonly timestamp: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly dataLength: number
  header(name: string): Buffer | null | undefined
}

const require = createRequire(import.meta.url)
const encode = require("kafkajs/src/protocol/recordBatch/record/v0") as (
  messages: ReadonlyArray<RecordMessage>,
  timestampOf: (message: RecordMessage) => number
) => { readonly buffer: Buffer }
const decode = require("kafkajs/src/protocol/recordBatch/record/v0/decoder") as (
  bytes: Buffer,
  start: number,
  count: number,
  batchContext: { readonly firstOffset: string; readonly firstTimestamp: string }
) => ReadonlyArray<DecodedRecord>

const firstTimestamp = 1_680_000_000_000

const through = (messages: ReadonlyArray<RecordMessage>) =>
  decode(
    Buffer.concat([Buffer.from("before"), encode(messages, ({ timestamp }) => timestamp - firstTimestamp).buffer]),
    "before".length,
    messages.length,
    { firstOffset: "41", firstTimestamp: String(firstTimestamp) }
  )

const anyBytes = fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)))
const anyHeader = fc.oneof(anyBytes, fc.string({ unit: "grapheme", maxLength: 80 }))
const anyMessage: fc.Arbitrary<RecordMessage> = fc.record({
  key: anyBytes,
  value: anyBytes,
  headers: fc.dictionary(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), anyHeader, {
    maxKeys: 4,
    noNullPrototype: true
  }),
  timestamp: fc.integer({ min: firstTimestamp - 2 ** 40, max: firstTimestamp + 2 ** 45 })
})

const bytesOf = (value: Buffer | string | null) => (typeof value === "string" ? Buffer.from(value) : value)

describe("Records in Kafka's format", () => {
  it("come back as they were sent, whatever is in them and however far apart their times are", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 8 }), (messages) => {
        const records = through(messages)
        assert.strictEqual(records.length, messages.length)
        for (const [index, message] of messages.entries()) {
          const record = records[index] ?? assert.fail("a record is missing")
          assert.deepStrictEqual(record.key, message.key)
          assert.deepStrictEqual(record.value, message.value)
          assert.strictEqual(record.dataLength, (message.key?.length ?? 0) + (message.value?.length ?? 0))
          assert.strictEqual(record.offset, String(41 + index))
          assert.strictEqual(record.timestamp, String(message.timestamp))
          for (const [name, value] of Object.entries(message.headers)) {
            const sent = Array.isArray(value) ? undefined : bytesOf(value as Buffer | string | null)
            assert.deepStrictEqual(record.header(name), sent)
            assert.deepStrictEqual(record.headers[name], sent)
          }
          assert.isUndefined(record.header("another, longer than any"))
        }
      })
    )
  })

  it("say the last of several headers of one name", () => {
    const values = ["first", "second"].map((text) => Buffer.from(text))
    const [record] = through([{ key: null, value: null, headers: { twice: values }, timestamp: firstTimestamp }])
    assert.strictEqual(String(record?.header("twice")), "second")
    assert.deepStrictEqual(record?.headers["twice"], values)
  })

  it("are these bytes", () => {
    const { buffer } = encode(
      [{ key: Buffer.from("k"), value: null, headers: { h: "ю" }, timestamp: firstTimestamp + 300 }],
      ({ timestamp }) => timestamp - firstTimestamp
    )
    // Length 13, attributes, 300 ms (zigzag 600: d8 04), offset 0, key, no value, one header.
    assert.strictEqual(buffer.toString("hex"), "1a00d80400026b0102026804d18e")
  })
})
