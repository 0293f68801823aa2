import { assert, describe, it } from "@effect/vitest"
import { exported } from "@metka/testing/recordingTracer"
import { Cause, Effect, Exit } from "effect"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { KafkaError, KafkaUnavailable } from "../src/Kafka.ts"

const quoting = Object.assign(new Error('invalid input syntax for type json: "Котова"'), {
  severity: "ERROR",
  code: "22P02"
})

const failures = [
  ["the SQLSTATE", new SqlError({ reason: new UnknownError({ cause: quoting }) }), "22P02"],
  [
    "the reason",
    new KafkaError({ operation: "publish", reason: new KafkaUnavailable({ message: "Котова" }) }),
    "KafkaUnavailable"
  ],
  ["the class", new RangeError("Котова"), "RangeError"],
  ["no more than that it is one", "Котова", "_OTHER"]
] as const

describe("Of a failure", () => {
  for (const [what, error, type] of failures) {
    it.effect(`a span tells ${what}, never a message that may quote the data`, () =>
      Effect.gen(function* () {
        for (const failing of [Effect.fail(error), Effect.die(error)]) {
          const [span] = yield* exported(Effect.exit(Effect.withSpan(failing, "store")))
          assert.strictEqual(span?.attributes.get("error.type"), type)
          if (span?.status._tag !== "Ended" || !Exit.isFailure(span.status.exit)) return assert.fail("it did not fail")
          const told = Cause.prettyErrors(span.status.exit.cause, { includeCauseInStack: true })
          assert.deepStrictEqual(
            told.map(({ message, name }) => ({ message, name })),
            [{ message: type, name: type }]
          )
          assert.notInclude(told.map(({ stack }) => stack).join(), "Котова")
        }
      })
    )
  }

  it.effect("an interruption is not one", () =>
    Effect.gen(function* () {
      const [span] = yield* exported(Effect.exit(Effect.withSpan(Effect.interrupt, "store")))
      assert.isFalse(span?.attributes.has("error.type"))
    })
  )
})

describe("Of a statement", () => {
  it.effect("a span tells the first 200 characters: whole, those of a backlog would burden the collector", () =>
    Effect.gen(function* () {
      const text = `with loaded (load_dt, load_src) as (values ($1::timestamptz, $2::text)), ${"x".repeat(5_000)}`
      const [span] = yield* exported(
        Effect.void.pipe(Effect.withSpan("sql"), Effect.annotateSpans({ "db.query.text": text, other: text }))
      )
      assert.strictEqual(span?.attributes.get("db.query.text"), text.slice(0, 200))
      assert.strictEqual(span?.attributes.get("other"), text)
    })
  )
})

describe("The sampler", () => {
  const nested = Effect.void.pipe(Effect.withSpan("inner"), Effect.withSpan("outer"))

  it.effect("exports whole traces or nothing of them", () =>
    Effect.gen(function* () {
      const spans = yield* exported(Effect.repeat(nested, { times: 199 }), "parentbased_traceidratio", 0.5)
      const traces = new Set(spans.map(({ traceId }) => traceId))
      assert.isAbove(traces.size, 50)
      assert.isBelow(traces.size, 150)
      assert.lengthOf(spans, 2 * traces.size)
    })
  )

  it.effect("that is always off exports nothing", () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* exported(nested, "always_off"), 0)
    })
  )
})

describe("Of an address", () => {
  it.effect("a span tells the path and nothing of its query, which names guests", () =>
    Effect.gen(function* () {
      const [span] = yield* exported(
        Effect.void.pipe(
          Effect.withSpan("http.server GET"),
          Effect.annotateSpans({
            "url.full": "http://127.0.0.1:8080/guest?id=anna",
            "url.path": "/guest",
            "url.query": "id=anna"
          })
        )
      )
      assert.strictEqual(span?.attributes.get("url.full"), "http://127.0.0.1:8080/guest")
      assert.strictEqual(span?.attributes.get("url.path"), "/guest")
      assert.strictEqual(span?.attributes.get("url.query"), "REDACTED")
    })
  )
})
