/**
 * The offsets a stage commits. A commit that fails costs a redelivery, which changes nothing, so it is not worth
 * standing still for. But where no message follows in a partition, no later commit makes up for it, and the lag would
 * never end: so what was left out is committed later.
 */
import { Effect, Schedule, Semaphore } from "effect"
import type { Kafka, KafkaError, RecordBatch } from "./Kafka.ts"

export interface OffsetCommits {
  readonly commit: (batch: RecordBatch) => Effect.Effect<void>
  /** Commits what was left out. */
  readonly catchUp: Effect.Effect<void>
}

/** Each partition's last record alone: what there is to commit of a batch. */
const lastOf = (batch: RecordBatch): ReadonlyMap<number, RecordBatch> =>
  new Map(batch.records.map((record) => [record.partition, { ...batch, records: [record] }]))

export const makeOffsetCommits = (kafka: Kafka["Service"], group: string): OffsetCommits => {
  /** By partition, the end of what was not committed. */
  const leftOut = new Map<number, RecordBatch>()
  /** The later of two commits under way at once might come first, and be taken back by the earlier. */
  const oneAtATime = Semaphore.makeUnsafe(1).withPermits(1)

  const done = (batch: RecordBatch) =>
    Effect.sync(() => {
      for (const { partition } of batch.records) leftOut.delete(partition)
    })

  /** What is delivered again will be committed then. */
  const unlessRebalanced = (batch: RecordBatch) =>
    kafka
      .commit(group, batch)
      .pipe(Effect.catchIf(isOutdated, (error) => Effect.logDebug(`not committed: ${error.message}`)))

  /** Unless a later batch of the partition has been committed while this one waited for its turn. */
  const commitAgain = (partition: number, batch: RecordBatch) =>
    Effect.suspend(() =>
      leftOut.get(partition) === batch ? Effect.andThen(unlessRebalanced(batch), done(batch)) : Effect.void
    ).pipe(
      Effect.catchTag("KafkaError", (error) => Effect.logDebug(`offsets are still not committed: ${error.message}`)),
      oneAtATime
    )

  return {
    commit: (batch) =>
      unlessRebalanced(batch).pipe(
        Effect.retry(Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(2)])),
        Effect.andThen(done(batch)),
        Effect.catchTag("KafkaError", (error: KafkaError) => {
          for (const [partition, last] of lastOf(batch)) leftOut.set(partition, last)
          return Effect.logWarning(`the offsets were not committed, the batch may be delivered again: ${error.message}`)
        }),
        oneAtATime
      ),

    catchUp: Effect.suspend(() =>
      Effect.forEach([...leftOut], ([partition, batch]) => commitAgain(partition, batch), { discard: true })
    )
  }
}

const isOutdated = (error: KafkaError): boolean => error.reason._tag === "IllegalGeneration"
