/**
 * How a stage waits for its servers: for as long as an outage lasts, while health and log say what it waits for, and
 * not for ever on one connection.
 */
import { Duration, Effect, Fiber } from "effect"
import { endingWithin } from "./endingWithin.ts"
import type { Health } from "./Health.ts"
import { componentOf, describe, isContention, refusalOf, retryWhile, type StageError } from "./Outage.ts"

/** A transaction that takes longer is told of. */
const slowAfter = Duration.seconds(10)

/** An attempt that takes longer is begun anew on another connection. */
const firstPatience = Duration.minutes(1)
/** The one after it may take twice as long, up to this: a batch that is only slow must come to its end. */
const longestPatience = Duration.minutes(16)

export type Waiting = ReturnType<typeof makeWaiting>

export const makeWaiting = (health: Health["Service"], service: string) => {
  const isUp = (component: string) => health.report(component, "up", service)
  const isDown = (component: string, error: StageError) => health.report(component, { down: describe(error) }, service)

  /** Retries for as long as an outage lasts, and says that it is one, and when it is over. */
  const waitOut = <A, E extends StageError, R>(effect: Effect.Effect<A, E, R>, isRefused = isRefusal) =>
    effect.pipe(
      Effect.catch((failure) => (isRefused(failure) ? Effect.fail(failure) : tryAgain(effect, failure, isRefused)))
    )

  const tryAgain = <A, E extends StageError, R>(
    effect: Effect.Effect<A, E, R>,
    failure: E,
    isRefused: (error: E) => boolean
  ) =>
    Effect.suspend(() => {
      // The attempt that was made by itself: nearly no batch needs more.
      const tried = [Effect.fail(failure)]
      const down = new Set<string>()
      const found = Effect.fnUntraced(function* (error: E) {
        const component = componentOf(error)
        down.add(component)
        yield* isDown(component, error)
        yield* Effect.logWarning(`waiting: ${describe(error)}`)
      })
      return Effect.suspend(() => tried.pop() ?? effect).pipe(
        Effect.tapError((error) => (isRefused(error) || isContention(error) ? Effect.void : found(error))),
        Effect.retry(retryWhile((error: E) => !isRefused(error))),
        Effect.tap(() => Effect.forEach(down, isUp, { discard: true }))
      )
    })

  /**
   * Gives up an attempt that has not ended, so that the next one has another connection. Only an attempt that was given up
   * so has shown that the batch may be slow. One that failed by itself shows nothing of it, and the server it met may be
   * another one by now: after many of these, as in any outage, a connection that goes dead must still cost a minute. A
   * batch that is slow begins anew with a minute too, and loses no more by it than it had waited before.
   */
  const patiently = <A, E, R>(attempt: Effect.Effect<A, E, R>) => {
    let patience = firstPatience
    return Effect.suspend(() => {
      const now = patience
      patience = firstPatience
      return endingWithin(attempt, now, () => {
        patience = Duration.min(Duration.times(now, 2), longestPatience)
      })
    })
  }

  /** One that waits for a lock answers nothing and fails with nothing. */
  const tellingSlowness = <A, E, R>(attempt: Effect.Effect<A, E, R>) => {
    const down = `no end of a transaction within ${Duration.format(slowAfter)}: a table may be locked, see pg_locks, a synchronous standby may be away, see pg_stat_activity, or the server may be gone`
    const told = Effect.andThen(
      health.report("postgres", { down }, service),
      Effect.logWarning(`waiting: PostgreSQL: ${down}`)
    )
    return Effect.acquireUseRelease(
      Effect.forkChild(Effect.delay(told, slowAfter)),
      (telling) => Effect.tap(attempt, () => (telling.pollUnsafe() === undefined ? Effect.void : isUp("postgres"))),
      Fiber.interrupt
    )
  }

  return { isUp, isDown, waitOut, patiently, tellingSlowness }
}

const isRefusal = (error: StageError): boolean => refusalOf(error) !== undefined
