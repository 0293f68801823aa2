/** How long an effect took, and what came of it. */
import { Effect } from "effect"

export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [seconds: number, value: A], E, R> =>
  Effect.clockWith((clock) => {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    return Effect.map(effect, (value) => [Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9, value] as const)
  })
