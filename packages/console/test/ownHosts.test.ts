import { assert, layer } from "@effect/vitest"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { Effect } from "effect"
import type { HttpServer } from "effect/http"
import { request } from "node:http"
import { text } from "node:stream/consumers"
import { address, consoleOver, state } from "./browser.ts"

/** Everything that the console answers. */
const paths = [
  "/",
  "/audiences",
  "/audience?tag=x",
  "/near?tag=x",
  "/reach",
  "/guest?id=anna",
  "/parked",
  "/dead-letters",
  "/audience.csv?tag=x",
  "/near.csv?tag=x",
  "/api/audiences",
  "/api/near?tag=x",
  "/api/none",
  "/openapi.json",
  "/none"
]

/** `fetch` does not let one choose the name. */
const ask = Effect.fnUntraced(function* (host: string, path: string) {
  const { hostname, port } = new URL(yield* address)
  const boundTo = hostname.replace(/^\[(.*)\]$/, "$1")
  return yield* Effect.promise(
    () =>
      new Promise<{ readonly status: number | undefined; readonly said: string }>((resolve, reject) => {
        request({ host: boundTo, port, path, headers: { host } }, (response) => {
          text(response).then((said) => resolve({ status: response.statusCode, said }), reject)
        })
          .on("error", reject)
          .end()
      })
  )
})

const statuses = (hosts: ReadonlyArray<string>, path = "/audiences") =>
  Effect.forEach(hosts, (host) => Effect.map(ask(host, path), ({ status }) => [host, status]))

const under = <A, E>(env: Readonly<Record<string, string>>, use: Effect.Effect<A, E, HttpServer.HttpServer>) =>
  withMemorySystem({}, Effect.provide(use, consoleOver(state, env)))

const own = ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "LOCALHOST", "metka.localhost", "[::1]:8080", "10.0.0.7"]
const foreign = [
  "evil.example",
  "evil.example:8080",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "evil.example."
]

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("The console", (it) => {
  it.effect("is not read by a page elsewhere that made its own name lead to this machine", () =>
    under(
      {},
      Effect.gen(function* () {
        for (const path of paths) {
          const { said, status } = yield* ask("Evil.example:8080", path)
          assert.strictEqual(status, 421, path)
          assert.match(said, /^The console does not answer to the name evil\.example, since .* HTTP_ALLOWED_HOSTS\.\n$/)
        }
        assert.deepStrictEqual(
          yield* statuses(foreign),
          foreign.map((host) => [host, 421])
        )
        assert.deepStrictEqual(
          yield* statuses(own),
          own.map((host) => [host, 200])
        )
        assert.deepStrictEqual(yield* statuses(["evil.example"], "/health/live"), [["evil.example", 200]])
      })
    )
  )

  it.effect("answers to the names that a proxy passes on, where an operator says so", () =>
    under(
      { HTTP_ALLOWED_HOSTS: " metka.example, Tags.example:443,метка.рф," },
      Effect.gen(function* () {
        const allowed = [
          "metka.example",
          "tags.example:443",
          "tags.example.",
          "xn--80ajpg5a.xn--p1ai",
          "127.0.0.1:8080"
        ]
        assert.deepStrictEqual(yield* statuses([...allowed, "evil.example"]), [
          ...allowed.map((host) => [host, 200]),
          ["evil.example", 421]
        ])
      })
    )
  )

  it.effect("is closed to them however the loopback address is written", () =>
    Effect.forEach(["LOCALHOST", "127.1", "::1", "::ffff:127.0.0.1"], (host) =>
      Effect.gen(function* () {
        const answers = yield* under({ HTTP_HOST: host }, statuses(["evil.example", "127.0.0.1"]))
        assert.deepStrictEqual(
          answers.map(([, status]) => status),
          [421, 200],
          host
        )
      })
    )
  )

  it.effect(
    "refuses to start with a name that is none",
    () =>
      Effect.forEach(["https://metka.example", "metka.example/x", "a b"], (name) =>
        Effect.gen(function* () {
          const refused = yield* Effect.flip(under({ HTTP_ALLOWED_HOSTS: `ok.example, ${name}` }, Effect.void))
          assert.include(
            String(refused),
            `HTTP_ALLOWED_HOSTS must be names of hosts with commas between them, not "${name}"`
          )
        })
      ),
    20_000
  )

  it.effect("answers to every name behind an address that others reach, unless an operator says which", () =>
    Effect.gen(function* () {
      const asked = statuses(["metka.example", "elsewhere.example", "10.0.0.7"])
      assert.deepStrictEqual(
        (yield* under({ HTTP_HOST: "0.0.0.0" }, asked)).map(([, status]) => status),
        [200, 200, 200]
      )
      assert.deepStrictEqual(
        (yield* under({ HTTP_HOST: "0.0.0.0", HTTP_ALLOWED_HOSTS: "metka.example" }, asked)).map(
          ([, status]) => status
        ),
        [200, 421, 200]
      )
    })
  )
})
