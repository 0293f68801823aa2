import { assert, describe, it } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { isMissing } from "@metka/testing/realServers"
import { freePort, ownRedisServer, tcpProxy } from "@metka/testing/servers"
import { Clock, ConfigProvider, Effect, Fiber, Layer, Option, Schedule } from "effect"
import { TestClock } from "effect/testing"
import * as RedisReferenceData from "../src/RedisReferenceData.ts"
import { ReferenceData } from "../src/ReferenceData.ts"
import { connectionsMade, otherClients, rawClient } from "./rawRedis.ts"
import { find, load, user, withWarnings } from "./referenceDataContract.ts"

const untilUp = Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "10 seconds" }))

const ping = Effect.flatMap(ReferenceData, (references) => references.ping)

/** What the guest is called in the Redis that answers. */
const nameOfGuest = Effect.map(find(["guest"], []), ({ guests }) => guests.get("guest")?.name)

/** A Redis that calls the guest so, and how many clients it has beside the test's. */
const redisKnowing = Effect.fnUntraced(function* (name: string) {
  const server = yield* ownRedisServer
  const client = yield* rawClient(server.url)
  yield* Effect.promise(() => client.set("guest", JSON.stringify(user("guest", { name }))))
  return {
    port: Number(new URL(server.url).port),
    client,
    clients: otherClients(client),
    signal: server.signal
  }
})

/** What connects to this URL, and the clock by which its connections age. */
const referencesOn = Effect.fnUntraced(function* (url: string) {
  const clock = yield* TestClock.make()
  const references = RedisReferenceData.layer.pipe(
    Layer.provide(
      Layer.merge(
        ConfigProvider.layer(ConfigProvider.fromUnknown({ REDIS_URL: url })),
        Layer.succeed(Clock.Clock, clock)
      )
    )
  )
  return { clock, references }
})

/** One address that leads to the old primary and then, for new connections, to the new one. */
const addressThatMoves = Effect.gen(function* () {
  const [primary, successor] = yield* Effect.all([redisKnowing("old"), redisKnowing("new")])
  const proxy = yield* tcpProxy(primary.port)
  const { clock, references } = yield* referencesOn(`redis://127.0.0.1:${proxy.port}`)
  return { primary, successor, proxy, clock, references, moves: proxy.leadTo(successor.port) }
})

const isCalled = (name: string) =>
  eventuallyTrue(
    `the guest is called ${name}`,
    Effect.map(nameOfGuest, (found) => found === name)
  )

describe.skipIf(isMissing("redis"))("A connection to Redis", () => {
  it.live(
    "is left after two minutes for where the address leads, though the old primary answers on; no command and no probe fails",
    () =>
      Effect.gen(function* () {
        const { clock, moves, primary, references, successor } = yield* addressThatMoves
        const { warnings } = yield* withWarnings(
          Effect.gen(function* () {
            assert.strictEqual(yield* nameOfGuest, "old")
            yield* moves
            yield* clock.adjust("119 seconds")
            yield* ping
            assert.strictEqual(yield* nameOfGuest, "old")
            assert.strictEqual(yield* successor.clients, 0, "a connection is not renewed before its time")
            yield* clock.adjust("1 second")
            // Fails with the first command that fails.
            yield* Effect.andThen(ping, isCalled("new"))
            yield* eventuallyTrue(
              "the old connection is closed",
              Effect.map(primary.clients, (clients) => clients === 0)
            )
            yield* Effect.all([ping, nameOfGuest, ping], { concurrency: "unbounded" })
            assert.strictEqual(yield* successor.clients, 1)
          }).pipe(Effect.provide(references))
        )
        assert.deepStrictEqual(warnings, [])
        yield* eventuallyTrue(
          "none is left with the service gone",
          Effect.map(successor.clients, (clients) => clients === 0)
        )
      })
  )

  it.live("that is renewed answers the commands under way on the old one first", () =>
    Effect.gen(function* () {
      const { clock, moves, primary, references } = yield* addressThatMoves
      // More than the sockets in between hold: a client that only hung up would lose the rest of the answer.
      const large = JSON.stringify(user("large", { note: "x".repeat(16 * 1_048_576) }))
      yield* Effect.promise(() => primary.client.set("large", large))
      yield* Effect.gen(function* () {
        yield* ping
        yield* moves
        yield* primary.signal("SIGSTOP")
        const underWay = yield* Effect.forkChild(find(["large"], []), { startImmediately: true })
        yield* clock.adjust("2 minutes")
        const probe = yield* Effect.forkChild(ping, { startImmediately: true })
        yield* eventuallyTrue(
          "new commands go to the new connection",
          nameOfGuest.pipe(
            Effect.timeoutOption("50 millis"),
            Effect.map((found) => Option.getOrUndefined(found) === "new")
          )
        )
        yield* primary.signal("SIGCONT")
        assert.isTrue((yield* Fiber.join(underWay)).guests.has("large"))
        yield* Fiber.join(probe)
      }).pipe(Effect.provide(references))
    })
  )

  it.live("is not used past its time when no new one can be made: Redis is down then, until one can", () =>
    Effect.gen(function* () {
      const { clock, moves, proxy, references } = yield* addressThatMoves
      yield* Effect.gen(function* () {
        yield* ping
        yield* proxy.leadTo(yield* freePort)
        yield* clock.adjust("2 minutes")
        yield* eventuallyTrue("Redis counts as down", Effect.isFailure(nameOfGuest))
        yield* moves
        assert.strictEqual(yield* Effect.retry(nameOfGuest, untilUp), "new")
      }).pipe(Effect.provide(references))
    })
  )

  const refusals = [
    ["MASTERDOWN", "no", Effect.asVoid(nameOfGuest)],
    ["READONLY", "yes", load(user("another guest"))]
  ] as const
  for (const [refusal, servesStaleData, command] of refusals) {
    it.live(`to a demoted primary that refuses with ${refusal} is made anew at once, to where the address leads`, () =>
      Effect.gen(function* () {
        const { moves, primary, references } = yield* addressThatMoves
        const nobody = String(yield* freePort)
        yield* Effect.gen(function* () {
          yield* command
          yield* Effect.promise(() => primary.client.config("SET", "replica-serve-stale-data", servesStaleData))
          yield* Effect.promise(() => primary.client.replicaof("127.0.0.1", nobody))
          yield* moves
          assert.match((yield* Effect.flip(command)).message, new RegExp(`: ${refusal} `))
          yield* Effect.retry(command, untilUp)
          assert.strictEqual(yield* nameOfGuest, "new")
        }).pipe(Effect.provide(references))
      })
    )
  }

  it.live("needs no rights but those the README asks for, however often it is renewed", () =>
    Effect.gen(function* () {
      const server = yield* redisKnowing("found")
      const rights = ["+mget", "+ping", "+select", "~*"]
      yield* Effect.promise(() => server.client.acl("SETUSER", "metka", "on", ">secret", ...rights))
      yield* Effect.promise(() => server.client.copy("guest", "guest", "DB", 3))
      const { clock, references } = yield* referencesOn(`redis://metka:secret@127.0.0.1:${server.port}/3`)
      yield* Effect.gen(function* () {
        yield* ping
        const before = yield* connectionsMade(server.client)
        for (const renewals of [1, 2]) {
          yield* clock.adjust("2 minutes")
          assert.strictEqual(yield* nameOfGuest, "found")
          yield* eventuallyTrue(
            "the new connection has taken the old one's place",
            Effect.map(
              Effect.all([connectionsMade(server.client), server.clients]),
              ([made, clients]) => made === before + renewals && clients === 1
            )
          )
        }
        yield* ping
      }).pipe(Effect.provide(references))
      assert.deepStrictEqual(yield* Effect.promise(() => server.client.acl("LOG")), [])
    })
  )
})
