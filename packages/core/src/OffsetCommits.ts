/**
 * The offsets a stage commits. A commit that fails costs a redelivery, which changes nothing, so it is not worth
 * standing still for. But where no message follows in a partition, no later commit makes up for it, and the lag would
 * never end: so what was left out is committed later.
 */
import { Effect, Schedule } from "effect"
import type { Kafka, KafkaError, KafkaRecord, RecordBatch } from "./Kafka.ts"

type Lags = Effect.Success<ReturnType<Kafka["Service"]["lag"]>>

export interface OffsetCommits {
  readonly commit: (batch: RecordBatch) => Effect.Effect<void>
  /** Commits what was left out, unless the group has got further meanwhile. `lags` says how far it is. */
  readonly catchUp: (lags: Lags) => Effect.Effect<void>
}

export const makeOffsetCommits = (kafka: Kafka["Service"], group: string): OffsetCommits => {
  /** The last record of each partition whose commit failed. */
  const leftOut = new Map<number, KafkaRecord>()

  const commitAgain = (record: KafkaRecord): Effect.Effect<void> =>
    kafka.commit(group, { topic: record.topic, records: [record], highWatermarks: new Map() }).pipe(
      Effect.andThen(Effect.sync(() => leftOut.delete(record.partition))),
      Effect.catchTag("KafkaError", (error) => Effect.logDebug(`offsets are still not committed: ${error.message}`))
    )

  return {
    commit: (batch) =>
      kafka.commit(group, batch).pipe(
        Effect.retry(Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(2)])),
        Effect.andThen(
          Effect.sync(() => {
            for (const { partition } of batch.records) leftOut.delete(partition)
          })
        ),
        Effect.catchTag("KafkaError", (error: KafkaError) => {
          for (const record of batch.records) leftOut.set(record.partition, record)
          return Effect.logWarning(`the offsets were not committed, the batch may be delivered again: ${error.message}`)
        })
      ),

    catchUp: (lags) =>
      Effect.suspend(() => {
        const committed = new Map(lags.map((lag) => [lag.partition, lag.committed]))
        for (const { offset, partition } of leftOut.values()) {
          if ((committed.get(partition) ?? 0) > offset) leftOut.delete(partition)
        }
        return Effect.forEach([...leftOut.values()], commitAgain, { discard: true })
      })
  }
}
