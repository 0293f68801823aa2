import { assert, describe, it } from "@effect/vitest"
import { exported, parentIdOf } from "@metka/testing/recordingTracer"
import { Effect, Exit } from "effect"
import { type BatchTrace, followedLimit, traceBatch } from "../src/BatchTrace.ts"
import { Kafka, type KafkaRecord } from "../src/Kafka.ts"
import * as KafkaMemory from "../src/KafkaMemory.ts"
import * as TraceContext from "../src/TraceContext.ts"

const record = (offset: number, traceparent?: string): KafkaRecord => ({
  topic: "orders",
  partition: 3,
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: new Map(traceparent === undefined ? [] : [["traceparent", Buffer.from(traceparent)]])
})

const batchOf = (records: ReadonlyArray<KafkaRecord>) => ({
  topic: "orders",
  generation: 1,
  records,
  highWatermarks: new Map()
})

const contextOf = (traceparent: string | undefined) => {
  const context = traceparent === undefined ? undefined : TraceContext.parse(traceparent)
  return context ?? assert.fail(`no context: ${traceparent}`)
}

/** Takes a batch of records with these `traceparent`s from beginning to end. */
const taken = Effect.fnUntraced(function* (traceparents: ReadonlyArray<string | undefined>) {
  const kafka = yield* Kafka
  const records = traceparents.map((traceparent, offset) => record(offset, traceparent))
  const trace = yield* traceBatch(kafka, "stg-service", batchOf(records))
  yield* trace.end(Exit.void)
  return trace
})

/** The spans of such a batch with telemetry on, and what its messages carry on. */
const traced = Effect.fnUntraced(function* (traceparents: ReadonlyArray<string | undefined>) {
  let trace: BatchTrace | undefined
  const spans = yield* exported(
    Effect.tap(taken(traceparents), (taken) =>
      Effect.sync(() => {
        trace = taken
      })
    )
  )
  return {
    spans,
    batch: spans.find(({ spanId }) => spanId === trace?.span.spanId),
    carried: trace?.records.map(({ traceparent }) => traceparent) ?? []
  }
})

describe("A record alone", () => {
  it.effect("continues its trace: its span is the child of who sent it, and the parent of what it leads to", () =>
    Effect.gen(function* () {
      const incoming = TraceContext.makeRoot()
      const { carried, spans } = yield* traced([incoming])
      assert.lengthOf(spans, 1)
      const [span] = spans
      assert.isDefined(span)
      assert.strictEqual(span.name, "process orders")
      assert.strictEqual(span.kind, "consumer")
      assert.strictEqual(parentIdOf(span), contextOf(incoming).spanId)
      assert.strictEqual(span.traceId, contextOf(incoming).traceId)
      assert.deepStrictEqual(carried, [TraceContext.format(span)])
      assert.deepStrictEqual(Object.fromEntries(span.attributes), {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "orders",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 0,
        "messaging.consumer.group.name": "stg-service",
        "messaging.batch.message_count": 1
      })
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.effect("without a trace, or with a header that is none, begins one", () =>
    Effect.gen(function* () {
      for (const none of [undefined, "garbage"]) {
        const { carried, spans } = yield* traced([none])
        assert.isUndefined(parentIdOf(spans[0]))
        assert.strictEqual(contextOf(carried[0]).traceId, spans[0]?.traceId)
      }
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )
})

describe("A batch of several", () => {
  it.effect("has a trace of its own with links to its messages; each of them goes on in its own trace", () =>
    Effect.gen(function* () {
      const incoming = [TraceContext.makeRoot(), TraceContext.makeRoot(), undefined]
      const { batch, carried, spans } = yield* traced(incoming)
      assert.lengthOf(spans, 4)
      assert.isUndefined(parentIdOf(batch))
      assert.isDefined(batch)
      const batchId = batch.spanId
      assert.strictEqual(batch.attributes.get("messaging.batch.message_count"), 3)
      assert.deepStrictEqual(
        batch.links.map(({ attributes, span }) => [span.spanId, attributes["messaging.kafka.offset"]]),
        [
          [contextOf(incoming[0]).spanId, 0],
          [contextOf(incoming[1]).spanId, 1]
        ]
      )
      for (const [offset, traceparent] of incoming.entries()) {
        const own = spans.find(
          (span) => span.spanId !== batchId && span.attributes.get("messaging.kafka.offset") === offset
        )
        assert.isDefined(own)
        assert.strictEqual(carried[offset], TraceContext.format(own))
        assert.deepStrictEqual(
          own.links.map(({ span }) => span.spanId),
          [batchId]
        )
        if (traceparent === undefined) continue
        assert.strictEqual(own.traceId, contextOf(traceparent).traceId)
        assert.strictEqual(parentIdOf(own), contextOf(traceparent).spanId)
      }
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.effect(
    "follows ten messages, of more than that four, of the same traces at every stage; the others keep their trace",
    () =>
      Effect.gen(function* () {
        const incoming = Array.from({ length: 500 }, () => TraceContext.makeRoot())
        assert.lengthOf((yield* traced(incoming.slice(0, 10))).batch?.links ?? [], 10)
        const first = yield* traced(incoming)
        assert.lengthOf(first.spans, followedLimit(500) + 1)
        assert.lengthOf(first.batch?.links ?? [], followedLimit(500))
        assert.deepStrictEqual(
          first.carried.map((traceparent) => contextOf(traceparent).traceId),
          incoming.map((traceparent) => contextOf(traceparent).traceId)
        )
        const second = yield* traced(first.carried.toReversed())
        const followed = ({ batch, spans }: typeof first) =>
          spans
            .filter((span) => span !== batch)
            .map(({ traceId }) => traceId)
            .toSorted()
        assert.deepStrictEqual(followed(second), followed(first))
      }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.effect("does not follow messages whose trace is not sampled, and says so onward", () =>
    Effect.gen(function* () {
      const incoming = [TraceContext.makeRoot(false), TraceContext.makeRoot(false)]
      const { batch, carried, spans } = yield* traced(incoming)
      assert.deepStrictEqual(spans, [batch])
      assert.deepStrictEqual(carried, incoming)
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )
})

describe("Without telemetry", () => {
  it.effect("messages keep the trace they came with, alone and in a batch", () =>
    Effect.gen(function* () {
      const incoming = [TraceContext.makeRoot(), TraceContext.makeRoot(false)]
      for (const traceparents of [incoming, [incoming[0]]]) {
        const { records } = yield* taken(traceparents)
        assert.deepStrictEqual(
          records.map(({ traceparent }) => traceparent),
          traceparents
        )
      }
    }).pipe(Effect.provide(KafkaMemory.layer()))
  )

  it.effect(
    "the log of a record alone names the trace that its messages carry on, whether it came with one or not",
    () =>
      Effect.gen(function* () {
        for (const traceparent of [TraceContext.makeRoot(), undefined]) {
          const { records, span } = yield* taken([traceparent])
          assert.strictEqual(contextOf(records[0]?.traceparent).traceId, span.traceId)
        }
      }).pipe(Effect.provide(KafkaMemory.layer()))
  )
})
