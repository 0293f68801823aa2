/** What is asked for far oftener than it is worth: by every open page, each few seconds. */
import { Clock, Effect, Fiber, Scope, Semaphore } from "effect"

/** A reading is good for so many times as long as it took: reading takes a tenth of the time at most. */
const share = 10

/**
 * Gives what `read` has read, by whomever, until it is time to read again. Who asks meanwhile waits for the same reading;
 * who gives up waiting leaves it to those that come after.
 */
export const seldom = Effect.fnUntraced(function* <A, E, R>(read: Effect.Effect<A, E, R>) {
  const scope = yield* Scope.Scope
  const turn = yield* Semaphore.make(1)
  let last: { readonly value: A; readonly goodUntil: number } | undefined
  let underWay: Fiber.Fiber<A, E> | undefined

  const readAnew = Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const value = yield* read
    const endedAt = yield* Clock.currentTimeMillis
    last = { value, goodUntil: endedAt + share * (endedAt - startedAt) }
    return value
  })

  const reading = turn.withPermits(1)(
    Effect.gen(function* () {
      if (underWay === undefined || underWay.pollUnsafe() !== undefined) {
        underWay = yield* Effect.forkIn(readAnew, scope)
      }
      return underWay
    })
  )

  return Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    return last !== undefined && now < last.goodUntil ? last.value : yield* Fiber.join(yield* reading)
  })
})
