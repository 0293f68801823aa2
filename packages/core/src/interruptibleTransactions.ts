/**
 * Transactions that can be given up whatever was asked last. A client's own ones wait for the answers to BEGIN and COMMIT
 * however long it takes, which is a quarter of an hour where the server is gone without a word.
 */
import { Effect, Predicate } from "effect"
import { SqlClient } from "effect/sql"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError, UnknownError } from "effect/sql/SqlError"

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

const makeWithTransaction = (sql: SqlClient.SqlClient) =>
  SqlClient.makeWithTransaction({
    transactionService: sql.transactionService,
    spanAttributes: [["db.system.name", "postgresql"]],
    acquireConnection: (restore) => restore(sql.reserve),
    begin: (connection, statement = "BEGIN") => Effect.interruptible(control(statement)(connection)),
    commit: (connection) => Effect.interruptible(commit(connection)),
    rollback: control("ROLLBACK"),
    savepoint: (connection, id) => control(`SAVEPOINT metka_${id}`)(connection),
    rollbackSavepoint: (connection, id) => control(`ROLLBACK TO SAVEPOINT metka_${id}`)(connection),
    releaseSavepoint: (connection, id) => control(`RELEASE SAVEPOINT metka_${id}`)(connection)
  })

/**
 * Has all transactions of the client be such. The connection of one that is given up is closed; whether a COMMIT that was
 * not answered has done its work nobody knows then.
 */
export const interruptTransactions = (sql: SqlClient.SqlClient): void => {
  Object.assign(sql, { withTransaction: makeWithTransaction(sql) })
}
