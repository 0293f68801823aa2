/** A transaction whose server may vanish in the middle of it. */
import { Cause, Effect, Option, Predicate } from "effect"
import { SqlClient } from "effect/sql"
import { isSqlError, type SqlError } from "effect/sql/SqlError"

/**
 * Runs the effect in a transaction. A rollback that finds no server any more is a failure like any other outage;
 * `withTransaction` alone makes it a defect, and with it the failure that was to be rolled back, which nobody waits out
 * and which end the process.
 */
export const transaction = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R | SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.catchCause(sql.withTransaction(effect), (cause) => {
      const defects = cause.reasons.filter(Cause.isDieReason).map(({ defect }) => defect)
      const lost = defects.find(isSqlError)
      if (lost === undefined || !defects.every(isTypedError)) return Effect.failCause(cause)
      if (Cause.hasInterrupts(cause)) return Effect.interrupt
      return Effect.fail(Option.getOrElse(Cause.findErrorOption(cause), () => lost))
    })
  )

/** Reads as of one moment, whatever is written meanwhile, and writes nothing. */
export const inSnapshot = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    transaction(Effect.andThen(sql`set transaction isolation level repeatable read, read only`, effect))
  )

/** What was a failure before it became a defect; a bug has no tag. */
const isTypedError = Predicate.hasProperty("_tag")
