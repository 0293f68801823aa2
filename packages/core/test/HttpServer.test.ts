import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Exit, Layer, Logger, Scope } from "effect"
import { HttpRouter, HttpServer as EffectHttpServer, HttpServerResponse } from "effect/http"
import { createConnection } from "node:net"
import { Health } from "../src/Health.ts"
import * as HttpServer from "../src/HttpServer.ts"

/** On a free port, unless told. */
const config = (environment: Record<string, string> = {}) =>
  ConfigProvider.layer(ConfigProvider.fromUnknown({ HTTP_PORT: "0", ...environment }))

const quiet = Logger.layer([])

const serve = (routes: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.empty, environment = {}) =>
  HttpServer.layer({ defaultPort: 8_081, routes }).pipe(
    Layer.provideMerge(Health.layer({ components: ["kafka"] })),
    Layer.provide(config(environment)),
    Layer.provide(quiet)
  )

const url = (path: string) =>
  Effect.map(EffectHttpServer.HttpServer, ({ address }) => `${EffectHttpServer.formatAddress(address)}${path}`)

const get = Effect.fnUntraced(function* (path: string) {
  const from = yield* url(path)
  return yield* Effect.promise(async () => {
    const response = await fetch(from)
    return { status: response.status, type: response.headers.get("content-type") ?? "", text: await response.text() }
  })
})

describe("HttpServer", () => {
  it.live("is live from the start, and ready when every component is", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/health/live")).status, 200)
      const before = yield* get("/health/ready")
      assert.strictEqual(before.status, 503)
      assert.deepStrictEqual(JSON.parse(before.text), {
        ready: false,
        components: { kafka: { down: "not reached yet" } }
      })
      yield* (yield* Health).report("kafka", "up")
      const after = yield* get("/health/ready")
      assert.strictEqual(after.status, 200)
      assert.deepStrictEqual(JSON.parse(after.text), { ready: true, components: { kafka: "up" } })
    }).pipe(Effect.provide(Layer.merge(serve(), quiet)))
  )

  it.live("serves what Prometheus scrapes, and the routes a service adds", () =>
    Effect.gen(function* () {
      const metrics = yield* get("/metrics")
      assert.match(metrics.type, /^text\/plain; version=0\.0\.4/)
      assert.match(metrics.text, /^metka_ready 0$/m)
      assert.strictEqual((yield* get("/api/hello")).text, "hello")
      assert.strictEqual((yield* get("/nothing")).status, 404)
    }).pipe(Effect.provide(serve(HttpRouter.add("GET", "/api/hello", HttpServerResponse.text("hello")))))
  )

  it.live("answers what would change something with 405 and what may be asked, whatever the path is", () =>
    Effect.gen(function* () {
      for (const path of ["/hello", "/health/live", "/nothing"]) {
        const at = yield* url(path)
        const [refused, asked] = yield* Effect.promise(() =>
          Promise.all([fetch(at, { method: "POST", body: "{}" }), fetch(at, { method: "HEAD" })])
        )
        assert.strictEqual(refused.status, 405, path)
        assert.strictEqual(refused.headers.get("allow"), "GET, HEAD")
        assert.strictEqual(refused.headers.get("content-type"), "application/problem+json")
        assert.deepStrictEqual(JSON.parse(yield* Effect.promise(() => refused.text())), {
          type: "about:blank",
          title: "Method Not Allowed",
          status: 405,
          detail: "POST is not answered: everything here is only read, with GET"
        })
        assert.strictEqual(asked.status, path === "/nothing" ? 404 : 200)
      }
    }).pipe(Effect.provide(serve(HttpRouter.add("GET", "/hello", HttpServerResponse.text("hello")))))
  )

  it.live("a port in use fails with one line that says so", () =>
    Effect.gen(function* () {
      const port = new URL(yield* url("/")).port
      const error = yield* Effect.flip(Effect.scoped(Layer.build(serve(Layer.empty, { HTTP_PORT: port }))))
      assert.strictEqual(error._tag, "ListenFailed")
      assert.strictEqual(
        error.message,
        `cannot listen on 127.0.0.1:${port}: the port is in use; set HTTP_PORT to another one`
      )
    }).pipe(Effect.provide(serve()))
  )

  it.effect("a port that is none is an error of configuration", () =>
    Effect.gen(function* () {
      for (const port of ["http", "65536", "-1"]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(serve(Layer.empty, { HTTP_PORT: port }))))
        assert.strictEqual(error._tag, "ConfigError")
        assert.match(error.message, /HTTP_PORT/)
      }
    })
  )

  it.live("stops in time whatever its clients do: half a request, a request that never ends, a kept connection", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const endless = HttpRouter.add("GET", "/endless", Effect.never)
      const services = yield* Layer.buildWithScope(serve(endless), scope)
      const base = yield* Effect.provide(url("/"), services)
      yield* Effect.provide(get("/health/live"), services)
      const waiting = fetch(`${base}endless`).then(
        () => "answered",
        () => "closed"
      )
      const half = createConnection({ port: Number(new URL(base).port), host: "127.0.0.1" })
      const closed = new Promise<string>((resolve) => half.once("close", () => resolve("closed")))
      yield* Effect.callback<void>((resume) => {
        half.on("error", () => {}).write("GET /half HTTP/1.1\r\n", () => resume(Effect.void))
      })
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
      assert.isBelow(Duration.toMillis(took), 1_000)
      assert.strictEqual(yield* Effect.promise(() => closed), "closed")
      yield* Effect.promise(() => waiting)
    })
  )
})
