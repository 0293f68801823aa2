/** What is asked for far oftener than it is worth: by every open page, each few seconds. */
import { Clock, Duration, Effect, Fiber, Scope, Semaphore } from "effect"

/** A reading is good for so many times as long as it took: reading takes a tenth of the time at most. */
const share = 10n

/** A reading is better than none for so long after its time. In nanoseconds. */
const stillOfUse = Duration.toNanosUnsafe("5 minutes")

/** In nanoseconds, by a clock that nobody sets. */
const elapsed = Clock.monotonicTimeNanos

/**
 * Gives what `read` has read, by whomever, until it is time to read again, or `phase` is another than it was when the
 * reading began. Who asks meanwhile waits for the same reading; who gives up waiting leaves it to those that come after.
 * @param patience after it who waits is given the last reading of the same phase, unless that is long past its time
 */
export const seldom = Effect.fnUntraced(function* <A, E, R>(
  read: Effect.Effect<A, E, R>,
  phase: Effect.Effect<boolean>,
  patience: Effect.Effect<Duration.Duration>
) {
  const scope = yield* Scope.Scope
  const turn = yield* Semaphore.make(1)
  let last: { readonly value: A; readonly goodUntil: bigint; readonly phase: boolean } | undefined
  let underWay: { readonly fiber: Fiber.Fiber<A, E>; readonly phase: boolean } | undefined

  const readAnew = Effect.fnUntraced(function* (phase: boolean) {
    const startedAt = yield* elapsed
    const value = yield* read
    const endedAt = yield* elapsed
    last = { value, goodUntil: endedAt + share * (endedAt - startedAt), phase }
    return value
  })

  const readingIn = (phase: boolean) =>
    turn.withPermits(1)(
      Effect.gen(function* () {
        if (underWay?.phase !== phase || underWay.fiber.pollUnsafe() !== undefined) {
          underWay = { fiber: yield* Effect.forkIn(readAnew(phase), scope), phase }
        }
        return underWay.fiber
      })
    )

  return Effect.gen(function* () {
    const now = yield* elapsed
    const phaseNow = yield* phase
    if (last !== undefined && last.phase === phaseNow && now < last.goodUntil) return last.value
    const reading = Fiber.join(yield* readingIn(phaseNow))
    if (last === undefined || last.phase !== phaseNow || now > last.goodUntil + stillOfUse) return yield* reading
    const { value } = last
    return yield* Effect.timeoutOrElse(reading, { duration: yield* patience, orElse: () => Effect.succeed(value) })
  })
})
