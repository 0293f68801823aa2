/**
 * Sessions that may not write. After a switchover the old primary comes back as a standby, and a session that was opened
 * before the address moved stays there: each attempt fails, on one and the same session, until the pool renews it.
 */
import { Cause, Effect, Exit } from "effect"
import type { Scope } from "effect"
import type { Connection } from "effect/sql/SqlConnection"
import { isSqlError } from "effect/sql/SqlError"
import { endingWithin } from "./endingWithin.ts"
import { sqlStateOf } from "./Outage.ts"

const readOnlyTransaction = "25006"

const hasRefusedToWrite = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some(
    (reason) =>
      Cause.isFailReason(reason) && isSqlError(reason.error) && sqlStateOf(reason.error) === readOnlyTransaction
  )

/**
 * The pool has no way to give a connection back for good, so the session ends itself, which its own user may always do. A
 * pooler in between loses its session too, and does not lend it again. Why it came to that is told already.
 */
const endSession = (connection: Connection) =>
  Effect.ignore(
    endingWithin(connection.execute("select pg_terminate_backend(pg_backend_pid())", [], undefined), "5 seconds")
  )

/**
 * When the scope, which is the transaction's, ends with a refusal to write: the next attempt connects anew, to wherever the
 * address leads then. Where all sessions only read, that is a connection for each attempt, and those come seconds apart.
 */
export const leaveIfReadOnly = (connection: Connection): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer((exit) => (hasRefusedToWrite(exit) ? endSession(connection) : Effect.void))
