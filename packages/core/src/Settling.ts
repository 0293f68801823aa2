/**
 * How a batch is settled: written in one transaction, then published. What a server refuses for the data's sake is halved
 * until the record to blame stands alone, and is a dead letter.
 */
import { Duration, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { BatchTrace } from "./BatchTrace.ts"
import { type DeadLetter, keepDeadLetters } from "./DeadLetters.ts"
import { decodeBatch } from "./decodeBatch.ts"
import { Kafka } from "./Kafka.ts"
import type { BadRecord } from "./messages/BadRecord.ts"
import { refusalOf, type StageError } from "./Outage.ts"
import { publish } from "./publish.ts"
import { type Outcomes, outcomes, type Stage } from "./Stage.ts"
import { transaction } from "./transaction.ts"
import type { Waiting } from "./Waiting.ts"

/** What a batch goes through. */
export const steps = ["decode", "enrich", "store", "publish", "commit"] as const

/** How long each step of a batch took; what is absent did not happen. */
export type Took = { readonly [S in (typeof steps)[number]]?: Duration.Duration }

/** A batch, or a part of one, that is stored and published. */
export interface Settled {
  readonly outcomes: Outcomes
  readonly letters: ReadonlyArray<DeadLetter>
  readonly took: Took
}

type Settle<P, R> = (
  records: BatchTrace["records"],
  letters: ReadonlyArray<DeadLetter>,
  enriched: Effect.Effect<P, StageError, R>
) => Effect.Effect<Settled, StageError, R | SqlClient.SqlClient>

export const makeSettle = <A, P, R>(
  stage: Stage<A, P, R>,
  kafka: Kafka["Service"],
  { patiently, tellingSlowness, waitOut }: Waiting
): Settle<P, R> => {
  const store = (letters: ReadonlyArray<DeadLetter>, prepared: P) =>
    transaction(keepDeadLetters(stage.service, letters).pipe(Effect.andThen(stage.store(prepared))))

  const settle: Settle<P, R> = (records, letters, enriched) =>
    Effect.gen(function* () {
      const prepared = yield* enriched
      const [storing, stored] = yield* Effect.timed(waitOut(patiently(tellingSlowness(store(letters, prepared)))))
      const [publishing] = yield* Effect.timed(
        waitOut(Effect.provideService(publish(stage.output, stored.outgoing), Kafka, kafka))
      )
      return { outcomes: stored.outcomes, letters, took: { store: storing, publish: publishing } }
    }).pipe(
      Effect.catch((error) => {
        const refusal = refusalOf(error)
        return refusal === undefined ? Effect.fail(error) : isolate(records, refusal)
      })
    )

  /** Decodes the halves anew: messages are not kept for it. */
  const isolate = (records: BatchTrace["records"], refusal: BadRecord): ReturnType<typeof settle> => {
    if (records.length === 1) {
      const letters = records.map(({ record }) => ({ record, bad: refusal }))
      // There is nowhere else to put it: a refusal is waited out too.
      return waitOut(patiently(transaction(keepDeadLetters(stage.service, letters))), () => false).pipe(
        Effect.as({ outcomes: {}, letters, took: {} })
      )
    }
    const middle = records.length >> 1
    const half = (part: BatchTrace["records"]) =>
      Effect.flatMap(decodeBatch(stage.decode, part), ({ letters, received }) =>
        settle(part, letters, waitOut(stage.enrich(received)))
      )
    return Effect.zipWith(half(records.slice(0, middle)), half(records.slice(middle)), combineSettled)
  }

  return settle
}

/** Two halves of a batch taken together. */
export const combineSettled = (one: Settled, other: Settled): Settled => ({
  outcomes: combine(outcomes, one.outcomes, other.outcomes, (a, b) => a + b),
  letters: [...one.letters, ...other.letters],
  took: combine(steps, one.took, other.took, Duration.sum)
})

const combine = <K extends string, A>(
  keys: ReadonlyArray<K>,
  one: { readonly [Key in K]?: A },
  other: { readonly [Key in K]?: A },
  sum: (one: A, other: A) => A
): { readonly [Key in K]?: A } => {
  const both: { [Key in K]?: A } = {}
  for (const key of keys) {
    const [a, b] = [one[key], other[key]]
    const value = a === undefined || b === undefined ? (a ?? b) : sum(a, b)
    if (value !== undefined) both[key] = value
  }
  return both
}
