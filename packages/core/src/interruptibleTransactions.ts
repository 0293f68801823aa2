/**
 * Transactions that can be given up whatever was asked last. A client's own ones wait for the answers to BEGIN, COMMIT and
 * ROLLBACK however long it takes, which is a quarter of an hour where the server is gone without a word.
 */
import { Effect, Predicate } from "effect"
import { SqlClient } from "effect/sql"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { endingWithin } from "./endingWithin.ts"
import { leaveIfReadOnly } from "./readOnlySessions.ts"

/**
 * Said, since a database or role may have another default. What waits for a lock must see what it waited for: a rule that
 * was applied meanwhile, above all.
 */
const beginReadCommitted = "BEGIN ISOLATION LEVEL READ COMMITTED"

const control = (statement: string) => (connection: Connection) => connection.execute(statement, [], undefined)

const rolledBack = () => {
  const cause = new Error("COMMIT has rolled back, since a statement had failed")
  return new SqlError({ reason: new UnknownError({ cause, message: cause.message }) })
}

/** PostgreSQL answers `ROLLBACK` where a statement of the transaction has failed. */
const commit = (connection: Connection): Effect.Effect<void, SqlError> =>
  Effect.flatMap(connection.executeRaw("COMMIT", []), (result) =>
    Predicate.hasProperty(result, "command") && result.command === "ROLLBACK" ? Effect.fail(rolledBack()) : Effect.void
  )

/** Where it is not answered the connection is closed, and with it the transaction. */
const rollbackTo = (statement: string) => (connection: Connection) =>
  endingWithin(control(statement)(connection), "5 seconds")

const rollback = rollbackTo("ROLLBACK")

/**
 * Whoever gives up before the answer may leave a transaction behind: no other may be given its connection so. A rollback
 * that fails has closed the connection, and why it came to that is told already.
 */
const leavingNone = (connection: Connection) => Effect.ignore(rollback(connection))

const makeWithTransaction = (sql: SqlClient.SqlClient) =>
  SqlClient.makeWithTransaction({
    transactionService: sql.transactionService,
    spanAttributes: [["db.system.name", "postgresql"]],
    acquireConnection: (restore) => Effect.tap(restore(sql.reserve), leaveIfReadOnly),
    begin: (connection, statement = beginReadCommitted) =>
      Effect.onError(Effect.interruptible(control(statement)(connection)), () => leavingNone(connection)),
    commit: (connection) => Effect.interruptible(commit(connection)),
    onCommitFailure: leavingNone,
    rollback,
    savepoint: (connection, id) => control(`SAVEPOINT metka_${id}`)(connection),
    rollbackSavepoint: (connection, id) => rollbackTo(`ROLLBACK TO SAVEPOINT metka_${id}`)(connection),
    releaseSavepoint: (connection, id) => control(`RELEASE SAVEPOINT metka_${id}`)(connection)
  })

/**
 * Has all transactions of the client be such. A connection that does not answer is closed; whether a COMMIT that was given
 * up has done its work nobody knows then.
 */
export const interruptTransactions = (sql: SqlClient.SqlClient): void => {
  Object.assign(sql, { withTransaction: makeWithTransaction(sql) })
}
