import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { setImmediate } from "node:timers/promises"
import { type Connection, makeConnection } from "../src/KafkaJsConnection.ts"

const hangs = new Promise<void>(() => {})

/** Clients by number; the first of them connects as told. */
const clients = (connectOfFirst: () => Promise<void>) => {
  const dropped: Array<number> = []
  let made = 0
  const make = () => {
    const number = ++made
    return {
      number,
      connect: () => (number === 1 ? connectOfFirst() : Promise.resolve()),
      disconnect: () => {
        dropped.push(number)
        return Promise.resolve()
      }
    }
  }
  return { dropped, make }
}

describe("A connection to Kafka", () => {
  const test = (name: string, connectOfFirst: () => Promise<void>, request: () => Promise<void>, message: RegExp) =>
    it.live(`${name} is replaced by a new one`, () =>
      Effect.gen(function* () {
        const { dropped, make } = clients(connectOfFirst)
        const connection = yield* makeConnection(make)
        const error = yield* Effect.flip(connection.use("publish", request, 20))
        assert.match(error.message, message)
        assert.deepStrictEqual(dropped, [1])
        assert.strictEqual(yield* connection.use("publish", ({ number }) => Promise.resolve(number), 1_000), 2)
      }).pipe(Effect.scoped)
    )

  const connects = () => Promise.resolve()
  test("that is never made", () => hangs, connects, /no answer within 20 ms/)
  test("on which no answer comes", connects, () => hangs, /no answer within 20 ms/)
  test("that is refused", () => Promise.reject(new Error("refused")), connects, /refused/)
  test("that breaks", connects, () => Promise.reject(new Error("closed")), /closed/)

  it.live("stays with others when a request fails that was interrupted before", () =>
    Effect.gen(function* () {
      const { dropped, make } = clients(connects)
      const connection = yield* makeConnection(make)
      const request = Promise.withResolvers<void>()
      const fiber = yield* Effect.forkChild(
        connection.use("publish", () => request.promise, 1_000),
        { startImmediately: true }
      )
      yield* connection.use("publish", connects, 1_000)
      yield* Fiber.interrupt(fiber)
      request.reject(new Error("closed"))
      assert.strictEqual(yield* connection.use("publish", ({ number }) => Promise.resolve(number), 1_000), 1)
      assert.deepStrictEqual(dropped, [])
    }).pipe(Effect.scoped)
  )

  /** A request that begins, and that its caller does not wait for. */
  const giveUp = (connection: Connection<{ readonly number: number }>, request: () => Promise<void> = () => hangs) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(connection.use("publish", request, 60_000), { startImmediately: true })
      yield* Effect.promise(() => setImmediate())
      return Fiber.interrupt(fiber)
    })
  const usedNow = (connection: Connection<{ readonly number: number }>) =>
    connection.use("publish", ({ number }) => Promise.resolve(number), 1_000)

  it.live(
    "is replaced when callers wait for less than it takes to call it stuck, and give up one after the other",
    () =>
      Effect.gen(function* () {
        const { dropped, make } = clients(connects)
        const connection = yield* makeConnection(make)
        yield* Effect.flatten(giveUp(connection))
        assert.deepStrictEqual(dropped, [])
        yield* Effect.flatten(giveUp(connection))
        assert.deepStrictEqual(dropped, [1])
        assert.strictEqual(yield* usedNow(connection), 2)
      }).pipe(Effect.scoped)
  )

  it.live("is replaced too when it is the connecting that callers give up", () =>
    Effect.gen(function* () {
      const { dropped, make } = clients(() => hangs)
      const connection = yield* makeConnection(make)
      yield* Effect.flatten(giveUp(connection, connects))
      yield* Effect.flatten(giveUp(connection, connects))
      assert.deepStrictEqual(dropped, [1])
      assert.strictEqual(yield* usedNow(connection), 2)
    }).pipe(Effect.scoped)
  )

  it.live("stays when the broker answers somebody between two who give up", () =>
    Effect.gen(function* () {
      const { dropped, make } = clients(connects)
      const connection = yield* makeConnection(make)
      yield* Effect.flatten(giveUp(connection))
      yield* usedNow(connection)
      yield* Effect.flatten(giveUp(connection))
      const refusal = Object.assign(new Error("no"), { type: "TOPIC_AUTHORIZATION_FAILED" })
      yield* Effect.flip(connection.use("publish", () => Promise.reject(refusal), 1_000))
      yield* Effect.flatten(giveUp(connection))
      assert.strictEqual(yield* usedNow(connection), 1)
      assert.deepStrictEqual(dropped, [])
    }).pipe(Effect.scoped)
  )

  it.live("stays when several give up at once what they were waiting for together", () =>
    Effect.gen(function* () {
      const { dropped, make } = clients(connects)
      const connection = yield* makeConnection(make)
      for (const end of yield* Effect.all([giveUp(connection), giveUp(connection), giveUp(connection)])) yield* end
      assert.strictEqual(yield* usedNow(connection), 1)
      assert.deepStrictEqual(dropped, [])
    }).pipe(Effect.scoped)
  )
})
