/** Waits for conditions in real time, with a deadline: a test that waits for a time span is slow, or fails at times. */
import { Duration, Effect, Schedule, Schema } from "effect"

/** What was waited for did not happen in time. */
export class NeverHappened extends Schema.TaggedError<NeverHappened>()("NeverHappened", { message: Schema.String }) {}

/**
 * Asks until `problems` is empty. Fails with the last problems when that takes longer than `within` (20 seconds).
 * @param what named in the error
 */
export const eventually = <E, R>(
  what: string,
  problems: Effect.Effect<ReadonlyArray<string>, E, R>,
  within: Duration.Input = "20 seconds"
): Effect.Effect<void, E | NeverHappened, R> =>
  problems.pipe(
    Effect.flatMap((found) =>
      found.length === 0
        ? Effect.void
        : Effect.fail(
            new NeverHappened({
              message: `${what}: not within ${Duration.format(Duration.fromInputUnsafe(within))}:\n${found.join("\n")}`
            })
          )
    ),
    Effect.retry({
      schedule: Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: within })),
      while: (error) => error instanceof NeverHappened
    })
  )

/** Asks until the answer is yes. */
export const eventuallyTrue = <E, R>(
  what: string,
  condition: Effect.Effect<boolean, E, R>,
  within?: Duration.Input
): Effect.Effect<void, E | NeverHappened, R> =>
  eventually(
    what,
    Effect.map(condition, (isTrue) => (isTrue ? [] : ["still not"])),
    within
  )
