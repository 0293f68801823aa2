import { assert, describe, it } from "@effect/vitest"
import { exported, parentIdOf } from "@metka/testing/recordingTracer"
import { topicRecords } from "@metka/testing/topicRecords"
import { Effect } from "effect"
import { followedLimit } from "../src/BatchTrace.ts"
import type { OutgoingRecord } from "../src/Kafka.ts"
import { KafkaFaults } from "../src/KafkaFaults.ts"
import * as KafkaMemory from "../src/KafkaMemory.ts"
import { publish } from "../src/publish.ts"
import * as TraceContext from "../src/TraceContext.ts"

const outgoing = (traceparent?: string): OutgoingRecord => ({
  key: "a",
  value: "1",
  headers: traceparent === undefined ? {} : { traceparent }
})

/** The contexts that the records of the topic carry, in their order. */
const contexts = Effect.map(topicRecords("out"), (records) =>
  records.map(({ headers }) => {
    const bytes = headers.get("traceparent")
    return bytes === undefined ? undefined : TraceContext.parse(Buffer.from(bytes).toString())
  })
)

const onMemory = Effect.provide(KafkaMemory.layer({ partitions: 1 }))

describe("Sending", () => {
  it.effect("one record is a span of its trace, and the parent of its receiver", () =>
    Effect.gen(function* () {
      const incoming = TraceContext.makeRoot()
      const [span] = yield* exported(publish("out", [outgoing(incoming)]).pipe(Effect.withSpan("of another trace")))
      assert.isDefined(span)
      assert.strictEqual(span.name, "send out")
      assert.strictEqual(span.kind, "producer")
      assert.strictEqual(parentIdOf(span), TraceContext.parse(incoming)?.spanId)
      assert.strictEqual(span.traceId, TraceContext.parse(incoming)?.traceId)
      assert.deepStrictEqual(Object.fromEntries(span.attributes), {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "out"
      })
      const [carried] = yield* contexts
      assert.deepInclude(carried, { traceId: span.traceId, spanId: span.spanId })
    }).pipe(onMemory)
  )

  it.effect("several is one span with links to them; each carries its own trace, untouched", () =>
    Effect.gen(function* () {
      const incoming = Array.from({ length: 300 }, () => TraceContext.makeRoot())
      const spans = yield* exported(publish("out", incoming.map(outgoing)).pipe(Effect.withSpan("the batch")))
      const [span, batch] = spans
      assert.lengthOf(spans, 2)
      assert.isDefined(span)
      assert.strictEqual(span.kind, "client")
      assert.strictEqual(parentIdOf(span), batch?.spanId)
      assert.strictEqual(span.attributes.get("messaging.batch.message_count"), 300)
      assert.deepStrictEqual(
        span.links.map((link) => link.span.spanId),
        incoming.slice(0, followedLimit(300)).map((traceparent) => TraceContext.parse(traceparent)?.spanId)
      )
      assert.deepStrictEqual(
        yield* contexts,
        incoming.map((traceparent) => TraceContext.parse(traceparent))
      )
    }).pipe(onMemory)
  )

  it.effect("begins a trace for what has none, with a span for as many as are followed", () =>
    Effect.gen(function* () {
      const spans = yield* exported(
        publish(
          "out",
          Array.from({ length: 200 }, () => outgoing())
        )
      )
      const created = spans.filter(({ name }) => name === "create out")
      assert.lengthOf(created, followedLimit(200))
      assert.isTrue(created.every((span) => parentIdOf(span) === undefined))
      const carried = yield* contexts
      assert.strictEqual(new Set(carried.map((context) => context?.traceId)).size, 200)
      assert.deepStrictEqual(
        carried.flatMap((context) => (context?.sampled === true ? [context.spanId] : [])),
        created.map(({ spanId }) => spanId)
      )
    }).pipe(onMemory)
  )

  it.effect("that fails is a span that says why", () =>
    Effect.gen(function* () {
      yield* (yield* KafkaFaults).makeUnavailable
      for (const records of [[outgoing()], [outgoing(TraceContext.makeRoot()), outgoing(TraceContext.makeRoot())]]) {
        const [span] = yield* exported(Effect.flip(publish("out", records)))
        assert.strictEqual(span?.attributes.get("error.type"), "KafkaUnavailable")
      }
    }).pipe(onMemory)
  )

  it.effect("without telemetry touches no trace, and begins one for what has none", () =>
    Effect.gen(function* () {
      const incoming = TraceContext.makeRoot()
      yield* publish("out", [outgoing(incoming), outgoing()])
      const [kept, begun] = yield* contexts
      assert.deepStrictEqual(kept, TraceContext.parse(incoming))
      assert.isTrue(begun?.sampled)
    }).pipe(onMemory)
  )
})
