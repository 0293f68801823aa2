/**
 * What a service tells of itself: JSON log lines on stdout, and OpenTelemetry when a collector is named.
 * A collector that is slow or away costs the telemetry it would have got, never the service.
 */
import {
  Array as Arr,
  Cause,
  Config,
  ConfigProvider,
  Effect,
  Formatter,
  Layer,
  Logger,
  References,
  Schema
} from "effect"
import type { LogLevel } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError } from "effect/http"
import { Otlp } from "effect/observability"
import { randomUUID } from "node:crypto"

const logLevels: Readonly<Record<string, LogLevel.LogLevel>> = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  warning: "Warn",
  error: "Error",
  fatal: "Fatal",
  none: "None"
}

const invalid = (message: string) => new Config.ConfigError(new ConfigProvider.SourceError({ message }))

const optional = (variable: string) => Config.String(variable).pipe(Config.withDefault(""))

const logLevel: Config.Config<LogLevel.LogLevel> = optional("LOG_LEVEL").pipe(
  Config.mapEffect((text) => {
    const level = logLevels[text === "" ? "info" : text.toLowerCase()]
    return level === undefined
      ? Effect.fail(
          invalid(`LOG_LEVEL must be trace, debug, info, warn, error, fatal or none, not ${JSON.stringify(text)}`)
        )
      : Effect.succeed(level)
  })
)

const endpoint: Config.Config<string> = optional("OTEL_EXPORTER_OTLP_ENDPOINT").pipe(
  Config.mapEffect((text) =>
    text === "" || (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))
      ? Effect.succeed(text)
      : Effect.fail(
          invalid(`OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// URL, not ${JSON.stringify(text)}`)
        )
  )
)

const Attributes = Config.Record(
  Schema.StringFromUriComponent,
  Schema.StringFromUriComponent,
  "OTEL_RESOURCE_ATTRIBUTES",
  {
    trim: true,
    keepEmptyValues: true
  }
)

const telemetryConfig = Config.all({
  logLevel,
  endpoint,
  serviceName: optional("OTEL_SERVICE_NAME"),
  attributes: Attributes.pipe(Config.withDefault<Readonly<Record<string, string>>>({})),
  headers: Config.Record(Schema.String, Schema.StringFromUriComponent, "OTEL_EXPORTER_OTLP_HEADERS").pipe(
    Config.withDefault<Readonly<Record<string, string>>>({})
  )
})

const messageText = (message: unknown): string =>
  Arr.ensure(message)
    .map((part) => (typeof part === "string" ? part : Formatter.formatJson(part)))
    .join(" ")

/**
 * One line a record: `timestamp`, `level`, `message`, `service`, then `annotations`, `traceId` with `spanId`, and
 * `cause` where there are any. An annotation `service` names the service, where several run in one process.
 */
const jsonLines = (defaultService: string) =>
  Logger.make(({ cause, date, fiber, logLevel: level, message }): string => {
    const { service = defaultService, ...annotations } = fiber.getRef(References.CurrentLogAnnotations)
    const { span } = fiber.cache
    return Formatter.formatJson({
      timestamp: date.toISOString(),
      level: level.toLowerCase(),
      message: messageText(message),
      service,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ...(span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId }),
      ...(cause.reasons.length > 0 ? { cause: Cause.pretty(cause) } : {})
    })
  })

/** A request to a collector that takes longer has failed. Without it requests to one that hangs would pile up. */
const requestTimeout = "3 seconds"
/** All that shutdown waits for the collector: SIGTERM leaves a process two seconds. */
const flushTimeout = "450 millis"

const boundedHttpClient = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (client) =>
    HttpClient.transform(client, (response, request) =>
      Effect.timeoutOrElse(response, {
        duration: requestTimeout,
        orElse: () =>
          Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, description: `no answer within ${requestTimeout}` })
            })
          )
      })
    )
  )
).pipe(Layer.provide(FetchHttpClient.layer))

/**
 * Logs, and what `OTEL_EXPORTER_OTLP_ENDPOINT` names, from the environment: `LOG_LEVEL`, `OTEL_EXPORTER_OTLP_ENDPOINT`,
 * `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`.
 * Fails on wrong configuration only; its scope closes within half a second.
 */
export const layer = (defaultServiceName: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const config = yield* telemetryConfig
      const serviceName = config.serviceName || config.attributes["service.name"] || defaultServiceName
      const logs = Layer.merge(
        Logger.layer([Logger.withConsoleLog(jsonLines(serviceName))]),
        Layer.succeed(References.MinimumLogLevel, config.logLevel)
      )
      if (config.endpoint === "") return logs
      const otlp = Otlp.layerProtobuf({
        baseUrl: config.endpoint,
        headers: config.headers,
        resource: {
          serviceName,
          // Replicas without it would write to one and the same series.
          attributes: { "service.instance.id": randomUUID(), ...config.attributes }
        },
        shutdownTimeout: flushTimeout
      }).pipe(Layer.provide(boundedHttpClient))
      return Layer.provideMerge(otlp, logs)
    })
  )
