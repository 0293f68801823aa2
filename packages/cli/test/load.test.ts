import { assert, describe, it } from "@effect/vitest"
import { Kafka, KafkaError, KafkaRefused, KafkaUnavailable } from "@metka/core/Kafka"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import * as MemoryReferenceData from "@metka/core/MemoryReferenceData"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import { temporaryFolder } from "@metka/testing/processSystem"
import { topicRecords } from "@metka/testing/topicRecords"
import { Effect, Layer, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { byteLines } from "../src/ByteLines.ts"
import { followUntilDone } from "../src/FollowUntilDone.ts"
import { countLines, inputLines, unpacked } from "../src/InputLines.ts"
import { loadOrders } from "../src/LoadOrders.ts"
import { loadReferences } from "../src/LoadReferences.ts"
import type { Progress } from "../src/Progress.ts"

const unseen: Progress = { update: () => Effect.void }

const order = (id: number, name: string): string =>
  JSON.stringify({
    object_id: id,
    object_type: "order",
    sent_dttm: "2023-04-08 20:27:36",
    payload: {
      restaurant: { id: "ef8c42c19b7518a9aebec106" },
      date: "2023-04-01 20:45:43",
      user: { id: "626a81ce9a8cd1920641e29c" },
      order_items: [{ id: "aeca4d08abab78869c20128c", name, price: 175, quantity: 5 }],
      cost: 875,
      payment: 875,
      final_status: "CLOSED",
      update_ts: "2023-04-01 20:45:43"
    }
  })

const guest = (id: string, name: string): string =>
  JSON.stringify({ _id: id, name, login: "kotova", update_ts_utc: "2022-11-19 16:06:36" })

/** "Рис" and "Оля" as a system on CP1251 writes them: no UTF-8. */
const cp1251 = { rice: Buffer.from([0xd0, 0xe8, 0xf1]), olya: Buffer.from([0xce, 0xeb, 0xff]) }

const inCp1251 = (line: string, word: Buffer): Buffer => {
  const [before = "", after = ""] = line.split("WORD")
  return Buffer.concat([Buffer.from(before), word, Buffer.from(after)])
}

const joined = (...lines: ReadonlyArray<string | Buffer>): Buffer =>
  Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]))

const fileOf = Effect.fnUntraced(function* (content: Buffer | string) {
  const path = join(yield* temporaryFolder, "lines.jsonl")
  yield* Effect.promise(() => writeFile(path, content))
  return path
})

/** What is loaded of the file: the report, and the values in the orders topic in the file's order. */
const loadedOrders = (content: Buffer) =>
  Effect.gen(function* () {
    const loaded = yield* loadOrders(yield* fileOf(content), unseen)
    const { orders } = yield* Topology
    const records = yield* topicRecords(orders)
    return { ...loaded, values: records.map(({ value }) => Buffer.from(value ?? []).toString("latin1")) }
  }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(KafkaMemory.layer({ partitions: 1 }), Topology.layer)))

const latin1 = (line: string): string => Buffer.from(line).toString("latin1")

const read = (content: Buffer | string, size = 100) =>
  Effect.gen(function* () {
    const path = yield* fileOf(content)
    const pages = yield* Stream.runCollect(inputLines(path, size))
    return {
      pages: pages.map((page) => page.map(({ bytes, number }) => [number, Buffer.from(bytes).toString()] as const)),
      count: yield* countLines(path)
    }
  }).pipe(Effect.scoped)

describe("metka load", () => {
  it.effect("takes a valid line that holds U+2028, U+2029 or a lone carriage return, and sends it to the byte", () =>
    Effect.gen(function* () {
      const separators = order(1, "Рис\u2028с\u2029лимоном\u0085")
      const spaced = order(2, "Рис").replace(',"object_type"', ',\r"object_type"')
      const loaded = yield* loadedOrders(joined(separators, spaced, "no json", order(4, "Рис")))
      assert.strictEqual(loaded.sent, 3)
      assert.deepStrictEqual(
        loaded.badLines.map(({ number }) => number),
        [3]
      )
      assert.deepStrictEqual(loaded.values, [separators, spaced, order(4, "Рис")].map(latin1))
    })
  )

  it.effect("refuses a line that is not UTF-8 with its number, and takes its neighbours", () =>
    Effect.gen(function* () {
      const good = [order(1, "Рис"), order(3, "Рис \uFFFD")]
      const loaded = yield* loadedOrders(
        joined(order(1, "Рис"), inCp1251(order(2, "WORD"), cp1251.rice), good[1] ?? "")
      )
      assert.deepStrictEqual(loaded.badLines, [{ number: 2, why: "the value is not UTF-8 text" }])
      assert.deepStrictEqual([loaded.sent, loaded.badCount], [2, 1])
      assert.deepStrictEqual(loaded.values, good.map(latin1))
    })
  )
})

describe("metka load, when Kafka takes nothing", () => {
  const loadWith = (publish: Kafka["Service"]["publish"]) =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      return yield* Effect.provideService(loadOrders(yield* fileOf(order(1, "Рис")), unseen), Kafka, {
        ...kafka,
        publish
      })
    }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(KafkaMemory.layer({ partitions: 1 }), Topology.layer)))

  it.live("waits while it is away", () =>
    Effect.gen(function* () {
      let attempts = 0
      const reason = new KafkaUnavailable({ message: "away" })
      const loaded = yield* loadWith(() =>
        ++attempts < 3 ? Effect.fail(new KafkaError({ operation: "publish", reason })) : Effect.void
      )
      assert.deepStrictEqual([loaded.sent, attempts], [1, 3])
    })
  )

  it.effect("ends with what it says when it refuses us", () =>
    Effect.gen(function* () {
      const reason = new KafkaRefused({ message: "not authorized" })
      const error = yield* Effect.flip(loadWith(() => Effect.fail(new KafkaError({ operation: "publish", reason }))))
      assert.match(error.message, /not authorized/)
    })
  )
})

describe("metka load --wait", () => {
  const followWith = (lag: Kafka["Service"]["lag"]) =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      yield* Effect.provideService(followUntilDone, Kafka, { ...kafka, lag })
    }).pipe(Effect.provide(Layer.mergeAll(KafkaMemory.layer({ partitions: 1 }), Topology.layer)))
  const failing = (reason: KafkaError["reason"]) => Effect.fail(new KafkaError({ operation: "lag", reason }))

  it.live("waits while Kafka is away", () =>
    Effect.gen(function* () {
      let attempts = 0
      const away = failing(new KafkaUnavailable({ message: "away" }))
      yield* followWith(() => Effect.suspend(() => (++attempts < 3 ? away : Effect.succeed([]))))
      assert.strictEqual(attempts, 5)
    })
  )

  it.live("ends with what Kafka says when it may not look at a group", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(followWith(() => failing(new KafkaRefused({ message: "not authorized" }))))
      assert.match(error.message, /not authorized/)
    })
  )
})

describe("metka references load", () => {
  it.effect("refuses a document that is not UTF-8 with its number, and takes its neighbours", () =>
    Effect.gen(function* () {
      const references = yield* ReferenceData
      const file = yield* fileOf(
        joined(guest("anna", "Анна\u2028Котова"), inCp1251(guest("olya", "WORD"), cp1251.olya), guest("ivan", "Иван"))
      )
      const loaded = yield* loadReferences(file, unseen)
      assert.deepStrictEqual(loaded, {
        sent: 2,
        badLines: [{ number: 2, why: "the document is not UTF-8 text" }],
        badCount: 1
      })
      const { guests } = yield* references.find(["anna", "olya", "ivan"], [])
      assert.deepStrictEqual(
        [...guests.values()].map(({ name }) => name),
        ["Анна\u2028Котова", "Иван"]
      )
    }).pipe(Effect.scoped, Effect.provide(MemoryReferenceData.layer))
  )

  it.effect("refuses a time that would count for none, and so let older names stay", () =>
    Effect.gen(function* () {
      const at = (id: string, update_ts_utc: string) => JSON.stringify({ _id: id, name: id, login: id, update_ts_utc })
      const loaded = yield* loadReferences(
        yield* fileOf(joined(at("a", "nope"), at("b", "2025-06-01T00:00:00Z"), '{"_id":"c","name":"c","login":"c"}')),
        unseen
      )
      assert.deepStrictEqual(loaded, {
        sent: 2,
        badLines: [{ number: 1, why: 'update_ts_utc: expected a time as YYYY-MM-DD HH:MM:SS, got "nope"' }],
        badCount: 1
      })
    }).pipe(Effect.scoped, Effect.provide(MemoryReferenceData.layer))
  )
})

describe("The lines of a file", () => {
  it.effect("that is a pipe are read once, and not counted before", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "pipe")
      execFileSync("mkfifo", [path])
      const written = writeFile(path, "one\ntwo\n")
      assert.isUndefined(yield* countLines(path))
      const pages = yield* Stream.runCollect(inputLines(path, 100))
      assert.deepStrictEqual(
        pages.flat().map(({ bytes }) => Buffer.from(bytes).toString()),
        ["one", "two"]
      )
      yield* Effect.promise(() => written)
    }).pipe(Effect.scoped)
  )

  it.effect("end at a line feed, with or without a carriage return before it, or with the file", () =>
    Effect.gen(function* () {
      const { count, pages } = yield* read("one\r\ntwo\n\r\n \t\nfive\rstill five\u2028and on\nsix")
      assert.deepStrictEqual(pages, [
        [
          [1, "one"],
          [2, "two"],
          [5, "five\rstill five\u2028and on"],
          [6, "six"]
        ]
      ])
      assert.strictEqual(count, 4)
    })
  )

  it.effect("lose a byte order mark where the file starts, and nowhere else", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* read("\uFEFFone\n\uFEFFtwo")).pages, [
        [
          [1, "one"],
          [2, "\uFEFFtwo"]
        ]
      ])
      assert.deepStrictEqual((yield* read("\uFEFF\r\ntwo\n")).pages, [[[2, "two"]]])
    })
  )

  it.effect("come out of gzip, in pages no larger than asked for", () =>
    Effect.gen(function* () {
      const lines = Array.from({ length: 5 }, (_, index) => `${index}: ${"ы".repeat(100_000)}`)
      const { count, pages } = yield* read(gzipSync(lines.join("\n")), 2)
      assert.deepStrictEqual(
        pages.map((page) => page.length),
        [2, 2, 1]
      )
      assert.deepStrictEqual(
        pages.flat().map(([, text]) => text),
        lines
      )
      assert.strictEqual(count, 5)
    })
  )

  it.effect("come out of gzip, and plain ones stay, also where a pipe brings a byte at a time", () =>
    Effect.promise(async () => {
      const aByteAtATime = async (bytes: Buffer) => {
        const chunks = async function* () {
          for (const byte of bytes) yield Buffer.from([byte])
        }
        return Buffer.concat(await Array.fromAsync(await unpacked(chunks()))).toString()
      }
      assert.strictEqual(await aByteAtATime(gzipSync("one\ntwo")), "one\ntwo")
      for (const plain of ["", "1", "one\ntwo"]) assert.strictEqual(await aByteAtATime(Buffer.from(plain)), plain)
    })
  )

  it.effect("are the same wherever the chunks end", () =>
    Effect.promise(async () => {
      const bytes = Buffer.from("{}\r\n\n«Рис»\r\r\n\u2028")
      const longest = Buffer.byteLength("«Рис»\r\r")
      const cut = async (size: number) => {
        const chunks = async function* () {
          for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
        }
        const lines = await Array.fromAsync(byteLines(chunks(), longest))
        return lines.flat().map(String)
      }
      for (let size = 1; size <= bytes.length; size += 1) {
        assert.deepStrictEqual(await cut(size), ["{}", "", "«Рис»\r", "\u2028"], `chunks of ${size}`)
      }
    })
  )

  it.effect("do not fill the memory where none ever ends", () =>
    Effect.promise(async () => {
      let given = 0
      const endless = async function* () {
        for (;;) {
          given += 1
          yield Buffer.alloc(10)
        }
      }
      const refused = await Array.fromAsync(byteLines(endless(), 100)).then(
        () => "nothing",
        (error: Error) => error.message
      )
      assert.strictEqual(refused, "a line is longer than 100 bytes")
      assert.strictEqual(given, 11)
    })
  )
})
