import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { makeConnection } from "../src/KafkaJsConnection.ts"

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
})
