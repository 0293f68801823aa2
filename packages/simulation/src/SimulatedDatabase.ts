/**
 * PostgreSQL as each process of a run sees it: the one PGlite of the worker, behind gates. PGlite has one connection,
 * so a transaction has the database to itself, from its begin to its end.
 */
import { makeCompiler } from "@effect/sql-pg/PgClient"
import { Effect } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"
import type { Gates } from "./Gates.ts"
import type { Process } from "./Process.ts"
import type { StepScheduler } from "./StepScheduler.ts"

type Connection = SqlConnection.Connection

/** A connection of a process, for one transaction or one query. */
interface Session {
  readonly process: Process
  transaction: "none" | "open" | "ended"
  /** The server has closed the connection, and rolled back what was open. */
  lost: boolean
}

const connectionLost = (operation: string) =>
  new SqlError.SqlError({
    reason: new SqlError.ConnectionError({ cause: new Error("the connection was closed"), operation })
  })

export class SimulatedDatabase {
  readonly #real: Connection
  readonly #scheduler: StepScheduler
  readonly #gates: Gates
  /** Who has the database now. */
  #holder: Session | undefined

  constructor(real: Connection, scheduler: StepScheduler, gates: Gates) {
    this.#real = real
    this.#scheduler = scheduler
    this.#gates = gates
  }

  clientOf(process: Process) {
    return SqlClient.make({
      acquirer: this.#acquire(process, "query"),
      transactionAcquirer: this.#acquire(process, "begin"),
      compiler: makeCompiler(),
      driver: "pg",
      commit: "COMMIT",
      spanAttributes: [],
      prepareTransactionControls: true
    }).pipe(Effect.provide(Reactivity.layer))
  }

  /** Nobody has a transaction open, so whoever looks from outside sees what has been committed, and holds up nobody. */
  get isFree(): boolean {
    return this.#holder === undefined
  }

  /** The process's connections are gone: what it has open is rolled back. */
  disconnect(process: Process): Effect.Effect<void> {
    return Effect.suspend(() => {
      const session = this.#holder
      return session?.process === process ? this.#lose(session) : Effect.void
    })
  }

  /** The server has gone: whoever has anything open in it loses that. */
  readonly disconnectAll: Effect.Effect<void> = Effect.suspend(() =>
    this.#holder === undefined ? Effect.void : this.#lose(this.#holder)
  )

  #acquire(process: Process, point: "begin" | "query") {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const session: Session = { process, transaction: "none", lost: false }
        const passed = yield* restore(
          this.#gates.arrive(process, point, "before", {
            mayPass: () => this.#holder === undefined,
            onPass: () => {
              this.#holder = session
            }
          })
        )
        if (!passed) return yield* connectionLost(point)
        yield* Effect.addFinalizer(() => Effect.sync(() => this.#release(session)))
        return this.#connection(session)
      })
    )
  }

  #release(session: Session): void {
    if (this.#holder === session) this.#holder = undefined
  }

  #connection(session: Session): Connection {
    const run = <A>(sql: string, statement: Effect.Effect<A, SqlError.SqlError>) => this.#run(session, sql, statement)
    return {
      execute: (sql, params, transform) => run(sql, this.#real.execute(sql, params, transform)),
      executeRaw: (sql, params) => run(sql, this.#real.executeRaw(sql, params)),
      executeStream: (sql, params, transform) => this.#real.executeStream(sql, params, transform),
      executeValues: (sql, params) => run(sql, this.#real.executeValues(sql, params)),
      executeValuesUnprepared: (sql, params) => run(sql, this.#real.executeValuesUnprepared(sql, params)),
      executeUnprepared: (sql, params, transform) => run(sql, this.#real.executeUnprepared(sql, params, transform))
    }
  }

  #run<A>(session: Session, sql: string, statement: Effect.Effect<A, SqlError.SqlError>) {
    const { process } = session
    return Effect.gen({ self: this }, function* () {
      if (session.lost) return yield* connectionLost(sql)
      switch (sql) {
        case "BEGIN":
          session.transaction = "open"
          return yield* this.#really(statement)
        case "ROLLBACK":
          session.transaction = "ended"
          return yield* this.#really(statement)
        case "COMMIT":
          return yield* this.#commit(session, statement)
        default: {
          if (session.transaction === "open") {
            const passed = yield* this.#gates.arrive(process, "statement", "before", { passAtOnce: true })
            if (!passed) return yield* this.#fail(session, sql)
          }
          return yield* this.#really(statement)
        }
      }
    })
  }

  #commit<A>(session: Session, statement: Effect.Effect<A, SqlError.SqlError>) {
    return Effect.gen({ self: this }, function* () {
      if (!(yield* this.#gates.arrive(session.process, "commit", "before", { passAtOnce: true }))) {
        return yield* this.#fail(session, "COMMIT")
      }
      const done = yield* this.#really(statement)
      session.transaction = "ended"
      this.#release(session)
      if (yield* this.#gates.arrive(session.process, "commit", "after")) return done
      session.lost = true
      return yield* connectionLost("COMMIT")
    })
  }

  #fail(session: Session, operation: string) {
    return Effect.andThen(this.#lose(session), connectionLost(operation))
  }

  #lose(session: Session): Effect.Effect<void> {
    return Effect.suspend(() => {
      session.lost = true
      const rollback =
        session.transaction === "open" ? Effect.orDie(this.#real.execute("ROLLBACK", [], undefined)) : Effect.void
      session.transaction = "ended"
      return Effect.andThen(
        this.#really(rollback),
        Effect.sync(() => this.#release(session))
      )
    })
  }

  #really<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.#scheduler.enterRealWorld()
      return Effect.ensuring(
        effect,
        Effect.sync(() => this.#scheduler.leaveRealWorld())
      )
    })
  }
}
