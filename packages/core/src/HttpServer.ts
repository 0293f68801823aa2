/** The HTTP side of every service: health for Kubernetes, metrics for Prometheus, and whatever routes it adds. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Config, Effect, Layer, Schema } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse, ProblemDetails } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import type { Server } from "node:http"
import { invalid } from "./configText.ts"
import { Health } from "./Health.ts"
import { prometheusName } from "./MessagingMetrics.ts"
import { createServer } from "./nodeHttp.ts"

/** The address cannot be listened on: it is taken, or not one of this machine's. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  message: Schema.String,
  cause: Schema.Defect()
}) {}

const livePath = "/health/live"
const readyPath = "/health/ready"
const metricsPath = "/metrics"

/** A request under way at SIGTERM gets so long to end. */
const shutdownTimeout = "300 millis"

const noStore = { "cache-control": "no-store" }

const healthRoutes = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const health = yield* Health
    yield* router.add("GET", livePath, HttpServerResponse.jsonUnsafe({ live: true }, { headers: noStore }))
    yield* router.add(
      "GET",
      readyPath,
      Effect.map(health.readiness, (readiness) =>
        HttpServerResponse.jsonUnsafe(readiness, { status: readiness.ready ? 200 : 503, headers: noStore })
      )
    )
  })
)

/** What to listen on. */
export const httpHost = Config.String("HTTP_HOST").pipe(Config.withDefault("127.0.0.1"))

const address = (defaultPort: number) =>
  Config.all({
    host: httpHost,
    port: Config.Int("HTTP_PORT").pipe(
      Config.withDefault(defaultPort),
      Config.mapEffect((port) =>
        port >= 0 && port <= 65_535
          ? Effect.succeed(port)
          : Effect.fail(invalid(`HTTP_PORT must be from 0 to 65535, not ${port}`))
      )
    )
  })

const listenFailed = (host: string, port: number, cause: unknown): ListenFailed => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  const why =
    code === "EADDRINUSE"
      ? "the port is in use; set HTTP_PORT to another one"
      : cause instanceof Error
        ? cause.message
        : String(cause)
  return new ListenFailed({ message: `cannot listen on ${host}:${port}: ${why}`, cause })
}

/** Probes and scrapes come every few seconds: their spans would bury those that say something. */
const untraced: ReadonlySet<string> = new Set([livePath, readyPath, metricsPath])
const traceWhatMatters = Layer.succeed(HttpMiddleware.TracerDisabledWhen, (request) =>
  untraced.has(request.url.split("?", 1)[0] ?? "")
)

const readMethods: ReadonlySet<string> = new Set(["GET", "HEAD"])

/** Over HTTP nothing is changed, whatever the path is. */
const readOnly = HttpRouter.middleware(
  (answer) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) =>
      readMethods.has(method)
        ? answer
        : Effect.succeed(
            HttpServerResponse.setHeader(
              ProblemDetails.toResponse({
                type: ProblemDetails.blankType,
                title: "Method Not Allowed",
                status: 405,
                detail: `${method} is not answered: everything here is only read, with GET`
              }),
              "allow",
              [...readMethods].join(", ")
            )
          )
    ),
  { global: true }
)

/** What is still open after the graceful part of a shutdown, an event stream or half a request, must not hold it up. */
const closeConnections = (server: Server) =>
  Layer.effectDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))

/**
 * Serves `/health/live`, `/health/ready`, `/metrics` and `routes` on `HTTP_HOST` (default 127.0.0.1) and `HTTP_PORT`
 * (default `defaultPort`; 0 takes a free one). Services that `routes` share with the rest of the process must come
 * from outside of it. Provides Effect's `HttpServer`, which knows the address listened on.
 */
export const layer = <E = never, R = never>(options: {
  readonly defaultPort: number
  readonly routes?: Layer.Layer<never, E, R>
}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { host, port } = yield* address(options.defaultPort)
      const server = createServer()
      const listening = NodeHttpServer.layer(() => server, {
        host,
        port,
        gracefulShutdownTimeout: shutdownTimeout
      }).pipe(
        Layer.catchTag("ServeError", (error) => Layer.effectContext(Effect.fail(listenFailed(host, port, error.cause))))
      )
      const own = Layer.mergeAll(
        readOnly,
        healthRoutes,
        PrometheusMetrics.layerHttp({ path: metricsPath, metricNameMapper: prometheusName })
      )
      const all = options.routes === undefined ? own : Layer.merge(own, options.routes)
      return HttpRouter.serve(all, { disableLogger: true }).pipe(
        Layer.provide(closeConnections(server)),
        Layer.provide(traceWhatMatters),
        Layer.provideMerge(listening)
      )
    })
  )
