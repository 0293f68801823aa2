/**
 * What a service tells of itself: JSON log lines on stdout, and OpenTelemetry when a collector is named.
 * A collector that is slow or away costs the telemetry it would have got, never the service.
 */
import { Array as Arr, Cause, Config, Effect, Formatter, Layer, Logger, References } from "effect"
import type { LogLevel } from "effect"
import { invalid, optional } from "./configText.ts"
import * as TelemetryExport from "./TelemetryExport.ts"

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

/**
 * Logs, and what `OTEL_EXPORTER_OTLP_ENDPOINT` names, from the environment: `LOG_LEVEL`, and the variables of
 * `TelemetryExport`. Fails on wrong configuration only; its scope closes within half a second.
 */
export const layer = (defaultServiceName: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { level, serviceName } = yield* Config.all({
        level: logLevel,
        serviceName: TelemetryExport.serviceName(defaultServiceName)
      })
      const logs = Layer.merge(
        Logger.layer([Logger.withConsoleLog(jsonLines(serviceName))]),
        Layer.succeed(References.MinimumLogLevel, level)
      )
      return Layer.provideMerge(TelemetryExport.layer(defaultServiceName), logs)
    })
  )
