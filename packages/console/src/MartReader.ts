/**
 * How the console asks the database, which it shares with services: two questions at a time, none for longer than a
 * person waits, and what costs much no oftener than it is worth.
 */
import { describe } from "@metka/core/Outage"
import { Context, Duration, Effect, Fiber, Layer, Schema, Scope, Semaphore } from "effect"
import type { SqlClient } from "effect/sql"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { type Counts, readCounts } from "./Counts.ts"
import { seldom } from "./seldom.ts"

/** How the system is that the console looks at. */
export interface ConsoleState {
  /** What the system is doing. */
  readonly note: string
  /** It keeps the database busy: a person is told so at once, and what is counted now is soon wrong. */
  readonly isLoading: boolean
}

/** How long a question may take. */
const patienceOf = ({ isLoading }: ConsoleState): Duration.Duration =>
  isLoading ? Duration.millis(500) : Duration.seconds(20)

/** Of new counts where there are older ones. */
const countsWaitedFor = (state: ConsoleState): Duration.Duration => Duration.times(patienceOf(state), 0.1)

/** PostgreSQL does not answer, or does not let the console read. */
export class MartsUnreadable extends Schema.TaggedError<MartsUnreadable>()("MartsUnreadable", {
  message: Schema.String
}) {}

/** The database has not answered in time. */
export class MartsBusy extends Schema.TaggedError<MartsBusy>()("MartsBusy", { message: Schema.String }) {}

const questionsAtOnce = 2

/** Nobody waits for the counts so long; those who come later have them. */
const countsPatience = "2 minutes"

const busy = new MartsBusy({ message: "The database is busy: ask again in a moment" })

const answered = <E>(error: E): Exclude<E, SqlError> | MartsUnreadable =>
  isSqlError(error) ? new MartsUnreadable({ message: describe(error) }) : (error as Exclude<E, SqlError>)

export class MartReader extends Context.Service<
  MartReader,
  {
    readonly state: Effect.Effect<ConsoleState>
    readonly ask: <A, E, R>(
      read: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError> | MartsUnreadable | MartsBusy, R>
    /** Not read anew for each who asks. */
    readonly counts: Effect.Effect<Counts, MartsUnreadable | MartsBusy, SqlClient.SqlClient>
  }
>()("metka/console/MartReader") {
  static readonly layer = (state: Effect.Effect<ConsoleState>) =>
    Layer.effect(
      MartReader,
      Effect.gen(function* () {
        const scope = yield* Scope.Scope
        const turns = yield* Semaphore.make(questionsAtOnce)
        const waitFor = <A, E, R>(read: Effect.Effect<A, E, R>) =>
          Effect.flatMap(state, (now) =>
            read.pipe(
              Effect.mapError(answered),
              Effect.timeoutOrElse({ duration: patienceOf(now), orElse: () => Effect.fail(busy) })
            )
          )
        // Who gives up waiting does not wait for the statement's end either; the turn is taken until then.
        const inTurn = <A, E, R>(read: Effect.Effect<A, E, R>) =>
          Effect.flatMap(Effect.forkIn(turns.withPermits(1)(read), scope), (fiber) =>
            Effect.onInterrupt(Fiber.join(fiber), () => Effect.sync(() => fiber.interruptUnsafe()))
          )
        const counts = yield* seldom(
          turns
            .withPermits(1)(readCounts)
            .pipe(Effect.timeoutOrElse({ duration: countsPatience, orElse: () => Effect.fail(busy) })),
          Effect.map(state, ({ isLoading }) => isLoading),
          Effect.map(state, countsWaitedFor)
        )
        return { state, ask: (read) => waitFor(inTurn(read)), counts: waitFor(counts) }
      })
    )
}
