import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TraceContext from "../src/TraceContext.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const spanId = "00f067aa0ba902b7"

describe("traceparent", () => {
  it("names a span, sampled or not", () => {
    const sampled = TraceContext.parse(`00-${traceId}-${spanId}-01`)
    assert.deepInclude(sampled, { _tag: "ExternalSpan", traceId, spanId, sampled: true })
    assert.isFalse(TraceContext.parse(`00-${traceId}-${spanId}-00`)?.sampled)
    // Only the lowest flag says "sampled"; the others are for versions to come.
    assert.isFalse(TraceContext.parse(`00-${traceId}-${spanId}-02`)?.sampled)
  })

  it("of a version to come is read by its first four fields, as the standard asks", () => {
    assert.strictEqual(TraceContext.parse(`01-${traceId}-${spanId}-01-more`)?.spanId, spanId)
  })

  const invalid = [
    "",
    "00",
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}0-${spanId}-01`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`
  ]
  for (const traceparent of invalid) {
    it(`that is invalid names nothing: ${JSON.stringify(traceparent)}`, () => {
      assert.isUndefined(TraceContext.parse(traceparent))
    })
  }

  it("of a span that it names is the same again", () => {
    for (const traceparent of [`00-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-00`]) {
      const span = TraceContext.parse(traceparent)
      assert.isDefined(span)
      assert.strictEqual(TraceContext.format(span), traceparent)
    }
  })

  it.effect("makes a span of Effect's a child of the one it names", () =>
    Effect.gen(function* () {
      const parent = TraceContext.parse(`00-${traceId}-${spanId}-01`)
      assert.isDefined(parent)
      const span = yield* Effect.makeSpan("process orders", { parent })
      assert.strictEqual(span.traceId, traceId)
      assert.deepInclude(TraceContext.parse(TraceContext.format(span)), { traceId, spanId: span.spanId })
    })
  )

  it("of a new trace is valid, sampled, and never the same", () => {
    const roots = Array.from({ length: 1_000 }, () => TraceContext.makeRoot())
    assert.strictEqual(new Set(roots.map((root) => TraceContext.parse(root)?.traceId)).size, 1_000)
    assert.isTrue(roots.every((root) => TraceContext.parse(root)?.sampled === true))
  })
})
