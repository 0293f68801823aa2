import { assert, describe, it } from "@effect/vitest"
import { isMissing, RealServers } from "@metka/testing/realServers"
import { freePort, ownRedisServer } from "@metka/testing/servers"
import { ConfigProvider, Duration, Effect, Layer, Schedule } from "effect"
import type { Redis } from "ioredis"
import { createServer } from "node:net"
import { vi } from "vitest"
import * as RedisReferenceData from "../src/RedisReferenceData.ts"
import { ReferenceData } from "../src/ReferenceData.ts"
import { connectionsMade, rawClient } from "./rawRedis.ts"
import { find, freshId, load, referenceDataContract, user, withWarnings } from "./referenceDataContract.ts"

const layerFor = (environment: Record<string, string>) =>
  RedisReferenceData.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment))))

const layerOn = (url: string) => layerFor({ REDIS_URL: url })

const shared = Layer.unwrap(Effect.flatMap(RealServers, ({ redisUrl }) => Effect.map(redisUrl, layerOn))).pipe(
  Layer.provide(RealServers.layer)
)

const keysIn = (client: Redis, database: number) =>
  Effect.promise(async () => {
    await client.select(database)
    return client.keys("*")
  })

/** Everything written to the console while the effect runs. */
const consoleOutput = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const spies = (["log", "info", "warn", "error"] as const).map((method) => vi.spyOn(console, method))
    return effect.pipe(
      Effect.map(() => spies.flatMap((spy) => spy.mock.calls)),
      Effect.ensuring(Effect.sync(() => spies.forEach((spy) => spy.mockRestore())))
    )
  })

const untilUp = Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "20 seconds" }))

/** The failure of an operation that must not keep its caller waiting. */
const quickFailure = Effect.fnUntraced(function* (operation: "find" | "load" | "ping") {
  const references = yield* ReferenceData
  const operations = {
    find: Effect.asVoid(references.find(["guest"], [])),
    load: references.load([{ id: "guest", json: JSON.stringify(user("guest")) }]),
    ping: references.ping
  }
  const [took, error] = yield* Effect.timed(Effect.flip(operations[operation]))
  assert.strictEqual(error._tag, "ReferenceUnavailable")
  assert.isBelow(Duration.toMillis(took), 2_500)
  return error.message
})

describe.skipIf(isMissing("redis"))("On real Redis", () => {
  referenceDataContract("RedisReferenceData.layer", shared)

  it.live("a batch costs one MGET, however many guests and restaurants it asks for", () =>
    Effect.gen(function* () {
      const server = yield* ownRedisServer
      const client = yield* rawClient(server.url)
      yield* Effect.gen(function* () {
        yield* (yield* ReferenceData).ping
        yield* Effect.promise(() => client.config("RESETSTAT"))
        yield* find(["a", "b", "c"], ["c", "d"])
      }).pipe(Effect.provide(layerOn(server.url)))
      const stats = yield* Effect.promise(() => client.info("commandstats"))
      assert.deepStrictEqual(
        [...stats.matchAll(/^cmdstat_(mget|get):calls=(\d+)/gm)].map(([, command, calls]) => [command, calls]),
        [["mget", "1"]]
      )
    })
  )

  it.live("what another program left there is absent: bytes that are not UTF-8, and values that are not strings", () =>
    Effect.gen(function* () {
      const server = yield* ownRedisServer
      const client = yield* rawClient(server.url)
      const [broken, list, good] = [freshId("user"), freshId("user"), freshId("user")]
      const bytes = Buffer.from(JSON.stringify(user(broken, { name: "Котова" })))
      bytes[bytes.indexOf("К")] = 0xff
      yield* Effect.promise(() => Promise.all([client.set(broken, bytes), client.rpush(list, "x")]))
      const { value, warnings } = yield* withWarnings(
        Effect.andThen(load(user(good)), find([broken, list, good], [])).pipe(Effect.provide(layerOn(server.url)))
      )
      assert.deepStrictEqual([...value.guests.keys()], [good])
      assert.strictEqual(warnings.length, 1)
    })
  )

  it.live(
    "a Redis that goes away fails calls quickly, is not written of on the console, and is used when it is back",
    () =>
      Effect.gen(function* () {
        const server = yield* ownRedisServer
        yield* Effect.gen(function* () {
          yield* load(user("guest"))
          const written = yield* consoleOutput(
            Effect.gen(function* () {
              yield* server.kill
              for (const operation of ["find", "load", "ping"] as const) {
                assert.match(
                  yield* quickFailure(operation),
                  /Redis at 127\.0\.0\.1:\d+: .*(ECONNREFUSED|connection was lost)/
                )
              }
            })
          )
          assert.deepStrictEqual(written, [])
          yield* server.start
          const { guests } = yield* find(["guest"], []).pipe(Effect.retry(untilUp))
          assert.deepStrictEqual([...guests.keys()], ["guest"])
        }).pipe(Effect.provide(layerOn(server.url)))
      })
  )

  it.live("a Redis that is not there yet when the service starts is waited for", () =>
    Effect.gen(function* () {
      const server = yield* ownRedisServer
      yield* server.stop
      yield* Effect.gen(function* () {
        yield* quickFailure("ping")
        yield* server.start
        yield* (yield* ReferenceData).ping.pipe(Effect.retry(untilUp))
      }).pipe(Effect.provide(layerOn(server.url)))
    })
  )

  it.live("a password that Redis does not take fails the call with what Redis says, not the service", () =>
    Effect.gen(function* () {
      const server = yield* ownRedisServer
      const client = yield* rawClient(server.url)
      yield* Effect.promise(() => client.config("SET", "requirepass", "right"))
      const withPassword = (password: string) => server.url.replace("redis://", `redis://:${password}@`)
      assert.match(yield* quickFailure("ping").pipe(Effect.provide(layerOn(withPassword("wrong")))), /WRONGPASS/)
      assert.match(
        yield* quickFailure("ping").pipe(Effect.provide(layerOn(`${withPassword("wrong")}/3`))),
        /WRONGPASS/,
        "and not what Redis says of the database to one who is not let in"
      )
      assert.match(yield* quickFailure("ping").pipe(Effect.provide(layerOn(server.url))), /NOAUTH/)
      // More at once than Redis reads from somebody it does not know.
      const many = Array.from({ length: 20 }, (_, index) => user(`guest ${index}`))
      const error = yield* Effect.flip(load(...many)).pipe(Effect.provide(layerOn(server.url)))
      assert.match(error.message, /NOAUTH: Redis asks for a password, REDIS_URL has none/)
      yield* Effect.flatMap(ReferenceData, ({ ping }) => ping).pipe(Effect.provide(layerOn(withPassword("right"))))
    })
  )

  it.live("a database that does not exist fails every call with what Redis says, and database 0 is let alone", () =>
    Effect.gen(function* () {
      const server = yield* ownRedisServer
      const client = yield* rawClient(server.url)
      yield* Effect.gen(function* () {
        const before = yield* connectionsMade(client)
        const stop = yield* Effect.sync(() => Date.now() + 3_000)
        while (Date.now() < stop) {
          for (const operation of ["load", "find", "ping"] as const)
            assert.match(yield* quickFailure(operation), /Redis at 127\.0\.0\.1:\d+: ERR DB index is out of range/)
        }
        assert.isBelow((yield* connectionsMade(client)) - before, 10, "Redis is not stormed")
      }).pipe(Effect.provide(layerOn(`${server.url}/99`)))
      assert.deepStrictEqual(yield* keysIn(client, 0), [])
    })
  )

  it.live("a database that Redis refused is used as soon as Redis lets it be, and no other", () =>
    Effect.gen(function* () {
      const server = yield* ownRedisServer
      const client = yield* rawClient(server.url)
      const mayDo = (...rules: ReadonlyArray<string>) =>
        Effect.promise(() => client.acl("SETUSER", "metka", "on", ">secret", "~*", "+@all", ...rules))
      yield* mayDo("-select")
      yield* Effect.gen(function* () {
        for (const operation of ["load", "find", "ping"] as const)
          assert.match(yield* quickFailure(operation), /: NOPERM /)
        yield* mayDo("+select")
        yield* load(user("guest")).pipe(Effect.retry(untilUp))
        const { guests } = yield* find(["guest"], [])
        assert.deepStrictEqual([...guests.keys()], ["guest"])
      }).pipe(Effect.provide(layerOn(`${server.url.replace("redis://", "redis://metka:secret@")}/3`)))
      assert.deepStrictEqual([yield* keysIn(client, 0), yield* keysIn(client, 3)], [[], ["guest"]])
    })
  )
})

describe("Without Redis", () => {
  it.live("a server that takes connections and never answers fails calls within the time limit", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((socket) => socket.on("error", () => socket.destroy()).resume())
          server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const message = yield* quickFailure("find").pipe(Effect.provide(layerOn(`redis://127.0.0.1:${port}`)))
      assert.match(message, /timed out/)
    })
  )

  it.live(
    "a server that refuses the database later than a command may take is not given the commands that waited",
    () =>
      Effect.gen(function* () {
        const received: Array<string> = []
        const port = yield* freePort
        yield* Effect.acquireRelease(
          Effect.callback<ReturnType<typeof createServer>>((resume) => {
            const server = createServer((socket) =>
              socket
                .setEncoding("latin1")
                .on("data", (text: string) => received.push(text))
                .on("error", () => socket.destroy())
            )
            server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.sync(() => server.close())
        )
        yield* Effect.gen(function* () {
          const { load } = yield* ReferenceData
          yield* Effect.flip(load([{ id: "first", json: "{}" }])).pipe(
            Effect.repeat({ schedule: Schedule.spaced("300 millis"), times: 2 })
          )
        }).pipe(Effect.provide(layerOn(`redis://127.0.0.1:${port}/99`)))
        assert.include(received.join(""), "select")
        assert.notInclude(received.join(""), "mset")
      })
  )

  const wrong: ReadonlyArray<readonly [what: string, environment: Record<string, string>, message: RegExp]> = [
    ["no URL", {}, /REDIS_URL/],
    ["another scheme", { REDIS_URL: "http://localhost:6379" }, /REDIS_URL must be redis:/],
    ["no scheme", { REDIS_URL: "localhost:6379" }, /REDIS_URL must be redis:/],
    ["a database that is no number", { REDIS_URL: "redis://localhost:6379/x" }, /REDIS_URL must be redis:.*a number/],
    ["a negative database", { REDIS_URL: "redis://localhost:6379/-1" }, /REDIS_URL must be redis:/],
    ["a path below the database", { REDIS_URL: "redis://localhost:6379/0/1" }, /REDIS_URL must be redis:/],
    [
      "options of the client, which would have commands go without a time limit",
      { REDIS_URL: "redis://localhost:6379/0?commandTimeout=none" },
      /REDIS_URL must be redis:/
    ],
    [
      "a fragment, which the end of a password may be",
      { REDIS_URL: "redis://user:1#2@localhost" },
      /REDIS_URL must be redis:.*%23/
    ],
    ["a % that encodes nothing", { REDIS_URL: "redis://:100%@localhost" }, /REDIS_URL must be redis:.*%25/],
    ["a CA without TLS", { REDIS_URL: "redis://localhost", REDIS_CA_FILE: "ca.pem" }, /REDIS_CA_FILE is set, but/],
    [
      "a CA that is not there",
      { REDIS_URL: "rediss://localhost", REDIS_CA_FILE: "/nowhere.pem" },
      /REDIS_CA_FILE cannot be read/
    ]
  ]
  for (const [what, environment, message] of wrong) {
    it.effect(`${what} is an error of configuration that names the variable`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layerFor(environment))))
        assert.strictEqual(error._tag, "ConfigError")
        assert.match(error.message, message)
      })
    )
  }

  it.effect("a URL that cannot be used is not quoted: it holds a password", () =>
    Effect.gen(function* () {
      for (const url of ["redis//:secret@localhost", "redis://user:6/secret@localhost", "redis://:secret%@localhost"]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layerOn(url))))
        assert.notInclude(String(error) + error.message, "secret")
      }
    })
  )
})
