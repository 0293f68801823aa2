/**
 * Traces, metrics and logs over OTLP, where the environment names a collector.
 * A collector that is slow or away costs the telemetry it would have got, never the service.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Config, Effect, Layer, Tracer } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { Otlp } from "effect/observability"
import { randomUUID } from "node:crypto"
import { TracesExported } from "./BatchTrace.ts"
import { pairs } from "./configPairs.ts"
import { invalid, optional } from "./configText.ts"
import { guardedTracer } from "./GuardedTracer.ts"
import { validateHeaderName, validateHeaderValue } from "./nodeHttp.ts"
import { makeSampler, type SamplerName, samplerNames } from "./Sampler.ts"

const endpoint: Config.Config<string> = optional("OTEL_EXPORTER_OTLP_ENDPOINT").pipe(
  Config.mapEffect((text) =>
    text === "" || (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))
      ? Effect.succeed(text)
      : Effect.fail(
          invalid(`OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// URL, not ${JSON.stringify(text)}`)
        )
  )
)

/** As OpenTelemetry has it, only `true` means true, in any case, and what is neither is warned of and not refused. */
const disabled = optional("OTEL_SDK_DISABLED").pipe(
  Config.map((text) => ({
    isDisabled: text.toLowerCase() === "true",
    warning: /^(true|false|)$/i.test(text)
      ? undefined
      : `OTEL_SDK_DISABLED must be true or false, not ${JSON.stringify(text)}: it counts as false`
  }))
)

const protocol: Config.Config<string> = optional("OTEL_EXPORTER_OTLP_PROTOCOL").pipe(
  Config.mapEffect((text) =>
    text === "" || text === "http/protobuf"
      ? Effect.succeed(text)
      : Effect.fail(
          invalid(
            `OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not ${JSON.stringify(text)}: ` +
              "name the collector's port for it, 4318 as a rule, in OTEL_EXPORTER_OTLP_ENDPOINT"
          )
        )
  )
)

const isSamplerName = (text: string): text is SamplerName => samplerNames.some((name) => name === text)

const samplerName: Config.Config<SamplerName> = Config.String("OTEL_TRACES_SAMPLER").pipe(
  Config.withDefault("parentbased_always_on"),
  Config.mapEffect((text) => {
    const name = text === "" ? "parentbased_always_on" : text
    return isSamplerName(name)
      ? Effect.succeed(name)
      : Effect.fail(
          invalid(`OTEL_TRACES_SAMPLER must be one of ${samplerNames.join(", ")}, not ${JSON.stringify(text)}`)
        )
  })
)

const samplerRatio: Config.Config<number> = optional("OTEL_TRACES_SAMPLER_ARG").pipe(
  Config.mapEffect((text) => {
    const ratio = text === "" ? 1 : Number(text)
    return ratio >= 0 && ratio <= 1
      ? Effect.succeed(ratio)
      : Effect.fail(invalid(`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not ${JSON.stringify(text)}`))
  })
)

const attributes = pairs("OTEL_RESOURCE_ATTRIBUTES")

/** Refused here, or every export would fail over it. */
const headers = pairs("OTEL_EXPORTER_OTLP_HEADERS", ([name, value]) => {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return undefined
  } catch {
    return "cannot be a header of HTTP"
  }
})

/** The name a service goes by in logs and telemetry. */
export const serviceName = (defaultName: string): Config.Config<string> =>
  Config.all({ name: optional("OTEL_SERVICE_NAME"), attributes }).pipe(
    Config.map(({ attributes, name }) => name || attributes["service.name"] || defaultName)
  )

const exportConfig = (defaultName: string) =>
  Config.all({
    endpoint,
    disabled,
    protocol,
    samplerName,
    samplerRatio,
    serviceName: serviceName(defaultName),
    attributes,
    headers
  })

/** A request to a collector that takes longer has failed. Without it requests to one that hangs would pile up. */
const requestTimeout = "3 seconds"
/** All that shutdown waits for the collector: SIGTERM leaves a process two seconds. */
const flushTimeout = "450 millis"

const boundedHttpClient = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (client) =>
    HttpClient.transform(client, (response, request) =>
      // The body too: it is read once, here, and whoever asks for it again has it.
      Effect.timeoutOrElse(
        Effect.tap(response, ({ arrayBuffer }) => Effect.ignore(arrayBuffer)),
        {
          duration: requestTimeout,
          orElse: () =>
            Effect.fail(
              new HttpClientError.HttpClientError({
                reason: new HttpClientError.TransportError({
                  request,
                  description: `no answer within ${requestTimeout}`
                })
              })
            )
        }
      )
    )
  )
).pipe(
  // What `fetch` is made of is loaded at its first use, and takes as much CPU as all the exports of a minute.
  Layer.provide(NodeHttpClient.layerNodeHttpOptions({ keepAlive: true }))
)

/**
 * Exports to `OTEL_EXPORTER_OTLP_ENDPOINT`, unless that is empty or `OTEL_SDK_DISABLED` is true, as the other variables
 * above say. Fails on wrong configuration only; its scope closes within half a second.
 */
export const layer = (defaultServiceName: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const config = yield* exportConfig(defaultServiceName)
      if (config.disabled.warning !== undefined) yield* Effect.logWarning(config.disabled.warning)
      if (config.endpoint === "" || config.disabled.isDisabled) return Layer.empty
      const otlp = Otlp.layerProtobuf({
        baseUrl: config.endpoint,
        headers: config.headers,
        resource: {
          serviceName: config.serviceName,
          // Replicas without it would write to one and the same series.
          attributes: { "service.instance.id": randomUUID(), ...config.attributes }
        },
        shutdownTimeout: flushTimeout
      }).pipe(Layer.provide(boundedHttpClient))
      const sampler = makeSampler(config.samplerName, config.samplerRatio)
      const guarded = Layer.effect(
        Tracer.Tracer,
        Effect.map(Effect.tracer, (tracer) => guardedTracer(tracer, sampler))
      )
      return Layer.merge(
        Layer.provideMerge(guarded, otlp),
        Layer.succeed(TracesExported, config.samplerName !== "always_off")
      )
    })
  )
