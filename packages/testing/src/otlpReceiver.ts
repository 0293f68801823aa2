/** Where a collector sends what it received, as OTLP's JSON; keeps all of it for a test to look at. */
import { Effect, Schema } from "effect"
import type { Scope } from "effect"
import { createServer, type Server } from "node:http"

const Value = Schema.Struct({
  stringValue: Schema.optionalKey(Schema.String),
  intValue: Schema.optionalKey(Schema.Union([Schema.String, Schema.Number]))
})
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))
const Resource = Schema.Struct({ attributes: Attributes })

const Span = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.Number,
  attributes: Schema.optionalKey(Attributes),
  links: Schema.optionalKey(Schema.Array(Schema.Struct({ traceId: Schema.String, spanId: Schema.String })))
})
const Traces = Schema.Struct({
  resourceSpans: Schema.Array(
    Schema.Struct({ resource: Resource, scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) })) })
  )
})
const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(
    Schema.Struct({
      resource: Resource,
      scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Schema.Struct({ name: Schema.String })) }))
    })
  )
})
const LogRecord = Schema.Struct({
  body: Value,
  traceId: Schema.optionalKey(Schema.String),
  spanId: Schema.optionalKey(Schema.String)
})
const Logs = Schema.Struct({
  resourceLogs: Schema.Array(
    Schema.Struct({
      resource: Resource,
      scopeLogs: Schema.Array(Schema.Struct({ logRecords: Schema.Array(LogRecord) }))
    })
  )
})

type Labels = ReadonlyMap<string, string>

const labelsOf = (attributes: typeof Attributes.Type | undefined): Labels =>
  new Map((attributes ?? []).map(({ key, value }) => [key, value.stringValue ?? String(value.intValue ?? "")]))

const serviceOf = (resource: typeof Resource.Type): string => labelsOf(resource.attributes).get("service.name") ?? ""

/** `SpanKind` of OTLP, by its number. */
const kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"]

export interface ReceivedSpan {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  /** Empty when it has none. */
  readonly parentSpanId: string
  readonly name: string
  readonly kind: string
  readonly attributes: Labels
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

export interface ReceivedLog {
  readonly service: string
  readonly text: string
  readonly traceId: string
}

export interface OtlpReceiver {
  readonly url: string
  readonly spans: () => ReadonlyArray<ReceivedSpan>
  /** `service name`, of every metric. */
  readonly metrics: () => ReadonlySet<string>
  readonly logs: () => ReadonlyArray<ReceivedLog>
  /** All that came, as it came. */
  readonly text: () => string
}

const decodeTraces = Schema.decodeUnknownSync(Schema.fromJsonString(Traces))
const decodeMetrics = Schema.decodeUnknownSync(Schema.fromJsonString(Metrics))
const decodeLogs = Schema.decodeUnknownSync(Schema.fromJsonString(Logs))

const spansOf = (body: string): ReadonlyArray<ReceivedSpan> =>
  decodeTraces(body).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        service: serviceOf(resource),
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? "",
        name: span.name,
        kind: kinds[span.kind] ?? "",
        attributes: labelsOf(span.attributes),
        links: span.links ?? []
      }))
  )

const metricsOf = (body: string): ReadonlyArray<string> =>
  decodeMetrics(body).resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => `${serviceOf(resource)} ${name}`))
  )

const logsOf = (body: string): ReadonlyArray<ReceivedLog> =>
  decodeLogs(body).resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs
      .flatMap(({ logRecords }) => logRecords)
      .map(({ body, traceId = "" }) => ({ service: serviceOf(resource), text: body.stringValue ?? "", traceId }))
  )

const listening = (handle: (path: string, body: string) => void) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          handle(request.url ?? "", Buffer.concat(chunks).toString("utf8"))
          response.setHeader("content-type", "application/json").end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

export const otlpReceiver: Effect.Effect<OtlpReceiver, never, Scope.Scope> = Effect.gen(function* () {
  const bodies: Array<{ readonly path: string; readonly body: string }> = []
  const server = yield* listening((path, body) => bodies.push({ path, body }))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const at = (path: string) => bodies.filter((received) => received.path === path).map(({ body }) => body)
  return {
    url: `http://127.0.0.1:${port}`,
    spans: () => at("/v1/traces").flatMap(spansOf),
    metrics: () => new Set(at("/v1/metrics").flatMap(metricsOf)),
    logs: () => at("/v1/logs").flatMap(logsOf),
    text: () => bodies.map(({ body }) => body).join("\n")
  }
})
