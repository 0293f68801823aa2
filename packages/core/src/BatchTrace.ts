/** How a batch of records shows in traces, so that one order is one trace from topic to topic. */
import { Clock, Effect, Result } from "effect"
import type { Exit, Tracer } from "effect"
import type { KafkaRecord, RecordBatch } from "./Kafka.ts"
import { header, readHeader } from "./messages/headers.ts"
import * as TraceContext from "./TraceContext.ts"

/**
 * One span a batch. A record alone continues its own trace; a batch has a trace of its own.
 * Names and attributes: OpenTelemetry semantic conventions for messaging and Kafka.
 */
export const batchSpan = (group: string, batch: RecordBatch) => {
  const [only] = batch.records
  const parent = batch.records.length === 1 && only !== undefined ? parentOf(only) : undefined
  return Effect.makeSpan(`process ${batch.topic}`, {
    kind: "consumer",
    root: parent === undefined,
    ...(parent === undefined ? {} : { parent }),
    attributes: {
      "messaging.system": "kafka",
      "messaging.operation.type": "process",
      "messaging.destination.name": batch.topic,
      "messaging.consumer.group.name": group,
      "messaging.batch.message_count": batch.records.length,
      ...(batch.records.length === 1 && only !== undefined
        ? {
            "messaging.destination.partition.id": String(only.partition),
            "messaging.kafka.offset": only.offset
          }
        : {})
    }
  })
}

const traceparentOf = (record: KafkaRecord): string | undefined =>
  Result.getOrElse(readHeader(record, header.traceparent), () => undefined)

const parentOf = (record: KafkaRecord) => {
  const traceparent = traceparentOf(record)
  return traceparent === undefined ? undefined : TraceContext.parse(traceparent)
}

/**
 * The `traceparent` that a record's outgoing messages carry on: the batch's span when the record is alone, else its own
 * trace as it came.
 */
export const traceOf = (record: KafkaRecord, batch: RecordBatch, span: Tracer.Span): string => {
  if (batch.records.length === 1) return TraceContext.format(span)
  const parent = parentOf(record)
  return parent === undefined ? TraceContext.makeRoot() : TraceContext.format(parent)
}

export const endSpan = (span: Tracer.Span, exit: Exit.Exit<unknown, unknown>) =>
  Effect.map(Clock.currentTimeNanos, (now) => span.end(now, exit))
