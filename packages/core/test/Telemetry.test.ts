import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  ConfigProvider,
  Console,
  Deferred,
  Duration,
  Effect,
  Exit,
  Layer,
  Metric,
  Redacted,
  Schema,
  Scope
} from "effect"
import { TestConsole } from "effect/testing"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import * as Telemetry from "../src/Telemetry.ts"

const telemetry = (environment: Record<string, string> = {}) =>
  Telemetry.layer("stg").pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment))))

const Line = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/** What the effect logs under this environment: each line of stdout, parsed. */
const logged = <A, E>(effect: Effect.Effect<A, E>, environment: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const console = yield* TestConsole.make
    yield* effect.pipe(Effect.provide(telemetry(environment)), Effect.provideService(Console.Console, console))
    const lines = yield* console.logLines
    return yield* Effect.forEach(lines, (line) => Schema.decodeUnknownEffect(Line)(line))
  })

describe("A log line", () => {
  it.effect("is one JSON object with time, level, message and service", () =>
    Effect.gen(function* () {
      const lines = yield* logged(Effect.logInfo("two\nlines", { orders: 5n }))
      assert.deepStrictEqual(lines, [
        {
          timestamp: new Date(yield* Clock.currentTimeMillis).toISOString(),
          level: "info",
          message: 'two\nlines {"orders":"5n"}',
          service: "stg"
        }
      ])
    })
  )

  it.effect("has annotations, the span it was logged in, and the cause, where there are any", () =>
    Effect.gen(function* () {
      let span = { traceId: "", spanId: "" }
      const [line] = yield* logged(
        Effect.currentSpan.pipe(
          Effect.tap(({ spanId, traceId }) =>
            Effect.sync(() => {
              span = { traceId, spanId }
            })
          ),
          Effect.andThen(Effect.fail(new Error("no broker"))),
          Effect.catchCause((cause) => Effect.logError("waiting", cause)),
          Effect.annotateLogs({ topic: "orders", partition: 3 }),
          Effect.withSpan("process")
        )
      )
      assert.deepInclude(line, { level: "error", annotations: { topic: "orders", partition: 3 }, ...span })
      assert.match(String(line?.["cause"]), /no broker/)
    })
  )

  it.effect("names the service that an annotation names, where several run in one process", () =>
    Effect.gen(function* () {
      const lines = yield* logged(Effect.logInfo("ready").pipe(Effect.annotateLogs({ service: "cdm" })))
      assert.strictEqual(lines[0]?.["service"], "cdm")
      assert.isUndefined(lines[0]?.["annotations"])
    })
  )

  it.effect("does not show a secret", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("sesame")
      const lines = yield* logged(Effect.logInfo("connecting", secret).pipe(Effect.annotateLogs({ secret })))
      assert.notInclude(JSON.stringify(lines), "sesame")
    })
  )

  it.effect("is written from LOG_LEVEL up, info by default", () =>
    Effect.gen(function* () {
      const all = Effect.all([
        Effect.logTrace("t"),
        Effect.logDebug("d"),
        Effect.logInfo("i"),
        Effect.logWarning("w"),
        Effect.logError("e")
      ])
      const messages = (environment: Record<string, string>) =>
        Effect.map(logged(all, environment), (lines) => lines.map(({ message }) => message).join(""))
      assert.strictEqual(yield* messages({}), "iwe")
      assert.strictEqual(yield* messages({ LOG_LEVEL: "" }), "iwe")
      assert.strictEqual(yield* messages({ LOG_LEVEL: "trace" }), "tdiwe")
      assert.strictEqual(yield* messages({ LOG_LEVEL: "DEBUG" }), "diwe")
      assert.strictEqual(yield* messages({ LOG_LEVEL: "Error" }), "e")
      assert.strictEqual(yield* messages({ LOG_LEVEL: "none" }), "")
    })
  )
})

describe("Wrong configuration", () => {
  for (const environment of [
    { LOG_LEVEL: "loud" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "/v1" },
    { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    { OTEL_TRACES_SAMPLER: "sometimes" },
    { OTEL_TRACES_SAMPLER_ARG: "10%" },
    { OTEL_TRACES_SAMPLER_ARG: "1.5" },
    { OTEL_RESOURCE_ATTRIBUTES: "region=%" },
    { OTEL_RESOURCE_ATTRIBUTES: "region" },
    { OTEL_RESOURCE_ATTRIBUTES: "=eu" },
    { OTEL_EXPORTER_OTLP_HEADERS: "token" },
    { OTEL_EXPORTER_OTLP_HEADERS: "authorization: Bearer" },
    { OTEL_EXPORTER_OTLP_HEADERS: "authorization=%zz" },
    { OTEL_EXPORTER_OTLP_HEADERS: "my header=1" },
    { OTEL_EXPORTER_OTLP_HEADERS: "authorization=two%0Alines" }
  ]) {
    const [variable = ""] = Object.keys(environment)
    it.effect(`is refused with an error that names the variable: ${JSON.stringify(environment)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(telemetry(environment))))
        assert.strictEqual(error._tag, "ConfigError")
        assert.include(error.message, variable)
      })
    )
  }

  it.effect("of pairs is one line that says what they must be, which pair is wrong, and no secret", () =>
    Effect.gen(function* () {
      for (const variable of ["OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_HEADERS"]) {
        for (const [text, says] of [
          ["a=secret,secret", "pair 2 has no name or no ="],
          ["a=secret,b=secret%zz", "pair 2 has a % that encodes nothing (a % itself is written %25)"]
        ] as const) {
          const error = yield* Effect.flip(Effect.scoped(Layer.build(telemetry({ [variable]: text }))))
          assert.include(
            error.message,
            `${variable} must be name=value,name=value with percent-encoded values, but ${says}`
          )
          assert.notInclude(error.message, "secret")
          assert.notInclude(error.message, "\n")
        }
      }
    })
  )

  it.effect("of a header does not show its value", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.scoped(Layer.build(telemetry({ OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret%0A" })))
      )
      assert.notInclude(String(error) + error.message, "secret")
    })
  )

  it.effect(
    "OTEL_SDK_DISABLED that is neither true nor false counts as false, as OpenTelemetry has it, with a warning",
    () =>
      Effect.gen(function* () {
        const warned = (text: string) =>
          Effect.map(logged(Effect.void, { OTEL_SDK_DISABLED: text }), (lines) =>
            lines.map(({ level, message }) => `${String(level)} ${String(message)}`)
          )
        for (const text of ["", "true", "false", "TRUE", "False"]) assert.deepStrictEqual(yield* warned(text), [])
        for (const text of ["maybe", "1"]) {
          assert.deepStrictEqual(yield* warned(text), [
            `warn OTEL_SDK_DISABLED must be true or false, not "${text}": it counts as false`
          ])
        }
      })
  )
})

interface Export {
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}

/** An OTLP collector that keeps what it gets and answers as told. */
const collector = (answer: (response: ServerResponse) => void) =>
  Effect.gen(function* () {
    const exports: Array<Export> = []
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        exports.push({
          path: request.url ?? "",
          authorization: request.headers.authorization,
          body: Buffer.concat(chunks).toString("latin1")
        })
        answer(response)
      })
    }
    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const listening = createServer(handle)
        listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
      }),
      (listening) =>
        Effect.sync(() => {
          listening.close()
          listening.closeAllConnections()
        })
    )
    const address = server.address()
    if (typeof address !== "object" || address === null) return assert.fail("the collector has no port")
    return { exports, url: `http://127.0.0.1:${address.port}` }
  })

/** Logs, traces and counts once under this environment; says how long the scope took to close, and what stdout got. */
const runOnce = (environment: Record<string, string>) =>
  Effect.gen(function* () {
    const console = yield* TestConsole.make
    const scope = yield* Scope.make()
    const services = yield* Layer.buildWithScope(telemetry(environment), scope)
    yield* Effect.logInfo("batch done").pipe(
      Effect.andThen(Metric.update(Metric.counter("metka_telemetry_test"), 1)),
      Effect.withSpan("process orders"),
      Effect.provide(services),
      Effect.provideService(Console.Console, console)
    )
    const [closing] = yield* Effect.timed(Scope.close(scope, Exit.void))
    return { closing: Duration.toMillis(closing), lines: yield* console.logLines }
  })

describe("OpenTelemetry", () => {
  it.live("sends traces, metrics and logs under the service's name, the last of them at shutdown", () =>
    Effect.gen(function* () {
      const { exports, url } = yield* collector((response) => response.end())
      const { closing, lines } = yield* runOnce({
        OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/`,
        OTEL_EXPORTER_OTLP_HEADERS: " authorization = Bearer%20token==, x-empty=,",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=staging,"
      })
      const bodyOf = (path: string) =>
        exports
          .filter((sent) => sent.path === path)
          .map(({ body }) => body)
          .join()
      assert.include(bodyOf("/v1/traces"), "process orders")
      assert.include(bodyOf("/v1/metrics"), "metka_telemetry_test")
      assert.include(bodyOf("/v1/logs"), "batch done")
      for (const { authorization, body } of exports) {
        assert.strictEqual(authorization, "Bearer token==")
        for (const text of ["service.name", "stg", "service.instance.id", "deployment.environment.name", "staging"]) {
          assert.include(body, text)
        }
      }
      assert.strictEqual(lines.length, 1, "stdout has the line as well")
      assert.isBelow(closing, 1_000)
    })
  )

  it.live("OTEL_SERVICE_NAME and resource attributes name the service before its default does", () =>
    Effect.gen(function* () {
      const { exports, url } = yield* collector((response) => response.end())
      yield* runOnce({
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_SERVICE_NAME: "tagger",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=unused,service.instance.id=pod-7"
      })
      assert.isAbove(exports.length, 0)
      for (const { body } of exports) {
        assert.include(body, "tagger")
        assert.include(body, "pod-7")
        assert.notInclude(body, "unused")
      }
    })
  )

  it.live("is off without an endpoint", () =>
    Effect.gen(function* () {
      const { closing, lines } = yield* runOnce({ OTEL_SERVICE_NAME: "tagger" })
      assert.include(String(lines[0]), '"service":"tagger"')
      assert.isBelow(closing, 100)
    })
  )

  it.live("is off when OTEL_SDK_DISABLED is true", () =>
    Effect.gen(function* () {
      const { exports, url } = yield* collector((response) => response.end())
      yield* runOnce({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: "True" })
      assert.lengthOf(exports, 0)
    })
  )

  it.live("leaves out the traces that OTEL_TRACES_SAMPLER does not choose, not metrics and logs", () =>
    Effect.gen(function* () {
      const { exports, url } = yield* collector((response) => response.end())
      yield* runOnce({
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_TRACES_SAMPLER: "traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0"
      })
      assert.sameMembers([...new Set(exports.map(({ path }) => path))], ["/v1/metrics", "/v1/logs"])
    })
  )

  for (const [what, answer] of [
    ["never answers", () => {}],
    ["refuses everything", (response: ServerResponse) => response.writeHead(503).end()]
  ] as const) {
    it.live(`a collector that ${what} holds shutdown up for half a second at most, and writes no logs`, () =>
      Effect.gen(function* () {
        const { exports, url } = yield* collector(answer)
        const { closing, lines } = yield* runOnce({ OTEL_EXPORTER_OTLP_ENDPOINT: url, LOG_LEVEL: "debug" })
        assert.isAbove(exports.length, 0)
        assert.isBelow(closing, 700)
        assert.strictEqual(lines.length, 1)
      })
    )
  }

  it.live("a collector that stops in the middle of its answer is given up after three seconds", () =>
    Effect.gen(function* () {
      const stalled = yield* Deferred.make<number>()
      const givenUp = yield* Deferred.make<number>()
      const { url } = yield* collector((response) => {
        response.writeHead(200).write("half of ")
        Deferred.doneUnsafe(stalled, Effect.succeed(performance.now()))
        response.once("close", () => Deferred.doneUnsafe(givenUp, Effect.succeed(performance.now())))
      })
      yield* Effect.logInfo("batch done").pipe(
        Effect.andThen(Deferred.await(givenUp)),
        Effect.provide(telemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_SAMPLER: "always_off" })),
        Effect.provideService(Console.Console, yield* TestConsole.make)
      )
      assert.isBelow((yield* Deferred.await(givenUp)) - (yield* Deferred.await(stalled)), 3_500)
    })
  )

  it.live("a collector that is not there holds nothing up either", () =>
    Effect.gen(function* () {
      const { closing, lines } = yield* runOnce({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" })
      assert.isBelow(closing, 700)
      assert.strictEqual(lines.length, 1)
    })
  )
})
