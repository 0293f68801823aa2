/** All that a topic holds now, for tests that look at it from outside. */
import { Kafka, type KafkaRecord, recordsBehind } from "@metka/core/Kafka"
import { Effect, Stream } from "effect"
import { randomUUID } from "node:crypto"

/** The records of a topic, by partition and offset; those that are written while it reads may be missing. */
export const topicRecords = Effect.fnUntraced(function* (topic: string) {
  const kafka = yield* Kafka
  const group = `test-reader-${randomUUID()}`
  const wanted = recordsBehind(yield* kafka.lag(topic, group))
  const records = new Map<string, KafkaRecord>()
  if (wanted > 0) {
    yield* kafka.consume({ topic, group, maxRecords: 5_000 }).pipe(
      Stream.tap((batch) =>
        Effect.sync(() => {
          for (const record of batch.records) records.set(`${record.partition}:${record.offset}`, record)
        })
      ),
      Stream.takeUntil(() => records.size >= wanted),
      Stream.runDrain
    )
  }
  return [...records.values()].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
})
