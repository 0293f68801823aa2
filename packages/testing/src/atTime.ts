/** Another time of the business than now. */
import { Clock, Effect } from "effect"

/**
 * Runs it at this time of the business, in milliseconds, while time itself goes on: a TestClock would hold up the
 * connection pool, or run through every one of its timers.
 */
export const atTime = (millis: number) => atTimes(() => millis)

/** The same at a time that is asked for again each time. */
export const atTimes = (millis: () => number) =>
  Effect.updateService(Clock.Clock, (clock) => ({
    sleep: (duration) => clock.sleep(duration),
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: () => BigInt(millis()) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(millis()) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos
  }))
