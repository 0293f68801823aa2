/** A service beside a test. */
import { Effect, Fiber } from "effect"

/** Runs `service` beside `body`; stops it when `body` ends. */
export const whileRunning = Effect.fnUntraced(function* <A, E, R, E2, R2>(
  service: Effect.Effect<unknown, E2, R2>,
  body: Effect.Effect<A, E, R>
) {
  const fiber = yield* Effect.forkChild(service)
  const value = yield* body
  yield* Fiber.interrupt(fiber)
  return value
})
