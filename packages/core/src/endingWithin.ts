/**
 * Work on a PostgreSQL that may vanish without a word, as a node that is lost does, or the old address after a failover.
 * No packet tells of it, and the kernel sends again for a quarter of an hour before it gives the connection up.
 */
import { Duration, Effect } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"

const unanswered = (duration: Duration.Duration): SqlError => {
  const cause = new Error(`no end within ${Duration.format(duration)}, the connection is given up`)
  return new SqlError({ reason: new ConnectionError({ cause, message: cause.message }) })
}

/**
 * Fails as an outage does when the work has not ended by then, and calls `onUnended`. The client closes the connection
 * that is not answered, so that the next attempt has another one.
 */
export const endingWithin = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  duration: Duration.Input,
  onUnended: () => void = () => {}
): Effect.Effect<A, E | SqlError, R> => {
  const limit = Duration.fromInputUnsafe(duration)
  const orElse = () => {
    onUnended()
    return Effect.fail(unanswered(limit))
  }
  return Effect.timeoutOrElse(work, { duration: limit, orElse })
}
