/** Sending with a trace: the span of a request, and the context that a message carries to whoever receives it. */
import { Effect, Exit } from "effect"
import type { Tracer } from "effect"
import { followedLimit, TracesExported } from "./BatchTrace.ts"
import { errorTypeOfCause } from "./ErrorType.ts"
import { Kafka, type OutgoingRecord } from "./Kafka.ts"
import { header } from "./messages/headers.ts"
import * as MessagingMetrics from "./MessagingMetrics.ts"
import { messagingAttributes } from "./messagingAttributes.ts"
import * as TraceContext from "./TraceContext.ts"

/**
 * Sends the records, all or with an error. A record alone is sent under its own trace, and its receiver continues from
 * there. A request with several links to them. A record that carries no trace begins one.
 */
export const publish = Effect.fnUntraced(function* (topic: string, records: ReadonlyArray<OutgoingRecord>) {
  if (records.length === 0) return
  const kafka = yield* Kafka
  if (!(yield* TracesExported)) {
    return yield* request(
      kafka,
      topic,
      records.map((record) => (hasTrace(record) ? record : withTrace(record, TraceContext.makeRoot())))
    )
  }
  const [only] = records
  if (records.length === 1 && only !== undefined) return yield* publishAlone(kafka, topic, only)
  const traced = yield* begin(kafka, topic, records)
  yield* Effect.withSpan(request(kafka, topic, traced), `send ${topic}`, {
    kind: "client",
    attributes: { ...messagingAttributes(kafka, "send", topic), "messaging.batch.message_count": records.length },
    links: linksTo(traced)
  })
})

/** Sends, and measures it. */
const request = (kafka: Kafka["Service"], topic: string, records: ReadonlyArray<OutgoingRecord>) =>
  Effect.clockWith((clock) => {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    return Effect.onExit(kafka.publish(topic, records), (exit) =>
      MessagingMetrics.recordSent(
        topic,
        records.length,
        Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9,
        Exit.isFailure(exit) ? errorTypeOfCause(exit.cause) : undefined
      )
    )
  })

const publishAlone = (kafka: Kafka["Service"], topic: string, record: OutgoingRecord) => {
  const parent = contextOf(record)
  return Effect.useSpan(
    `send ${topic}`,
    {
      kind: "producer",
      ...(parent === undefined ? { root: true } : { parent }),
      attributes: messagingAttributes(kafka, "send", topic)
    },
    (span) => request(kafka, topic, [withTrace(record, TraceContext.format(span))])
  )
}

/** Gives the first of the records without a trace a span to begin it; the others begin one that nobody samples. */
const begin = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  topic: string,
  records: ReadonlyArray<OutgoingRecord>
) {
  const attributes = messagingAttributes(kafka, "create", topic)
  let begun = 0
  const traced: Array<OutgoingRecord> = []
  for (const record of records) {
    if (hasTrace(record)) traced.push(record)
    else if (begun === followedLimit(records.length)) traced.push(withTrace(record, TraceContext.makeRoot(false)))
    else {
      begun += 1
      const create = Effect.useSpan(`create ${topic}`, { kind: "producer", root: true, attributes }, (span) =>
        Effect.succeed(TraceContext.format(span))
      )
      traced.push(withTrace(record, yield* create))
    }
  }
  return traced
})

const linksTo = (records: ReadonlyArray<OutgoingRecord>): ReadonlyArray<Tracer.SpanLink> => {
  const links: Array<Tracer.SpanLink> = []
  for (const record of records) {
    const span = contextOf(record)
    if (span?.sampled === true) links.push({ span, attributes: {} })
    if (links.length === followedLimit(records.length)) break
  }
  return links
}

const hasTrace = (record: OutgoingRecord): boolean => record.headers[header.traceparent] !== undefined

const contextOf = (record: OutgoingRecord): Tracer.ExternalSpan | undefined => {
  const traceparent = record.headers[header.traceparent]
  return typeof traceparent === "string" ? TraceContext.parse(traceparent) : undefined
}

const withTrace = (record: OutgoingRecord, traceparent: string): OutgoingRecord => ({
  ...record,
  headers: { ...record.headers, [header.traceparent]: traceparent }
})
