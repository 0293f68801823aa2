/**
 * How a batch is settled: written in one transaction, then published. What a server refuses for the data's sake is halved
 * until the record to blame stands alone, and is a dead letter.
 */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { BatchTrace } from "./BatchTrace.ts"
import { type DeadLetter, keepDeadLetters } from "./DeadLetters.ts"
import { decodeBatch } from "./decodeBatch.ts"
import { Kafka } from "./Kafka.ts"
import type { BadRecord } from "./messages/BadRecord.ts"
import { refusalOf, type StageError } from "./Outage.ts"
import { publish } from "./publish.ts"
import { combineSettled, type Settled } from "./Settled.ts"
import type { Stage } from "./Stage.ts"
import { transaction } from "./transaction.ts"
import type { Waiting } from "./Waiting.ts"

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
