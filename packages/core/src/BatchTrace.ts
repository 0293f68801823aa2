/** How a batch of records shows in traces, so that one order is one trace from topic to topic. */
import { Clock, Context, Effect, Result } from "effect"
import type { Exit, Tracer } from "effect"
import type { Kafka, KafkaRecord, RecordBatch } from "./Kafka.ts"
import { header, readHeader } from "./messages/headers.ts"
import { messagingAttributes } from "./messagingAttributes.ts"
import { randomnessOf } from "./Sampler.ts"
import * as TraceContext from "./TraceContext.ts"

/** Whether spans are exported. Where they are not, a message keeps the trace it came with, untouched. */
export const TracesExported = Context.Reference<boolean>("metka/core/TracesExported", { defaultValue: () => false })

/** A batch of so few is followed whole. */
const fewMessages = 10
/** Of a batch of more, which is part of a backlog. */
const followedOfMany = 4

/**
 * So many messages of a batch are followed: the batch links to them, and they get spans of their own. With its links and
 * its way to the collector a span costs 0.1 ms of CPU, more than all the rest of the work on a message in a backfill.
 */
export const followedLimit = (messages: number): number => (messages > fewMessages ? followedOfMany : messages)

/** The spans of a batch under way. */
export interface BatchTrace {
  /** The parent of all that is done for the batch. */
  readonly span: Tracer.Span
  /** The batch's records, each with the `traceparent` that its outgoing messages carry on. */
  readonly records: ReadonlyArray<{ readonly record: KafkaRecord; readonly traceparent: string }>
  readonly end: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

/** A record and the trace it came with, if it came with one. Of most nothing else is asked: parsing waits until then. */
interface Delivery {
  readonly record: KafkaRecord
  readonly traceparent: string | undefined
}

type Attributes = Readonly<Record<string, string | number>>

/**
 * A record alone continues its own trace. A batch of several has a trace of its own, with links to the messages in it;
 * each message that is followed gets a span in its own trace, with a link to the batch.
 */
export const traceBatch = Effect.fnUntraced(function* (kafka: Kafka["Service"], group: string, batch: RecordBatch) {
  const attributes = {
    ...messagingAttributes(kafka, "process", batch.topic),
    "messaging.consumer.group.name": group
  }
  const deliveries = batch.records.map((record): Delivery => ({ record, traceparent: traceparentOf(record) }))
  if (!(yield* TracesExported)) return yield* traceUnseen(attributes, batch.topic, deliveries)
  const [only] = deliveries
  return only !== undefined && deliveries.length === 1
    ? yield* traceAlone(attributes, only)
    : yield* traceSeveral(attributes, batch.topic, deliveries)
})

/** The span is there for the trace's id in the log, which for a record alone is that of its messages. */
const traceUnseen = Effect.fnUntraced(function* (
  attributes: Attributes,
  topic: string,
  deliveries: ReadonlyArray<Delivery>
) {
  const [only] = deliveries.length === 1 ? deliveries : []
  const span = yield* Effect.makeSpan(`process ${topic}`, {
    kind: "consumer",
    ...(only === undefined ? { root: true } : childOf(only)),
    attributes
  })
  const begun = () => (only === undefined ? TraceContext.makeRoot() : TraceContext.format(span))
  const trace: BatchTrace = {
    span,
    records: deliveries.map(({ record, traceparent = begun() }) => ({ record, traceparent })),
    end: (exit) => endSpans([span], exit)
  }
  return trace
})

const traceAlone = Effect.fnUntraced(function* (attributes: Attributes, delivery: Delivery) {
  const span = yield* messageSpan({ ...attributes, "messaging.batch.message_count": 1 }, delivery, [])
  const trace: BatchTrace = {
    span,
    records: [{ record: delivery.record, traceparent: TraceContext.format(span) }],
    end: (exit) => endSpans([span], exit)
  }
  return trace
})

const traceSeveral = Effect.fnUntraced(function* (
  attributes: Attributes,
  topic: string,
  deliveries: ReadonlyArray<Delivery>
) {
  const followed = chooseFollowed(deliveries)
  const span = yield* Effect.makeSpan(`process ${topic}`, {
    kind: "consumer",
    root: true,
    attributes: { ...attributes, "messaging.batch.message_count": deliveries.length },
    links: followed.flatMap((delivery) => {
      const span = parentOf(delivery)
      return span === undefined ? [] : [{ span, attributes: placeOf(delivery.record) }]
    })
  })
  const own = new Map<Delivery, Tracer.Span>()
  for (const delivery of followed) {
    own.set(delivery, yield* messageSpan(attributes, delivery, [{ span, attributes: {} }]))
  }
  const carriedOn = (delivery: Delivery): string => {
    const ownSpan = own.get(delivery)
    if (ownSpan !== undefined) return TraceContext.format(ownSpan)
    // A trace that would begin here with no span is not one to sample from here on.
    return delivery.traceparent ?? TraceContext.makeRoot(false)
  }
  const trace: BatchTrace = {
    span,
    records: deliveries.map((delivery) => ({ record: delivery.record, traceparent: carriedOn(delivery) })),
    end: (exit) => endSpans([...own.values(), span], exit)
  }
  return trace
})

const messageSpan = (attributes: Attributes, delivery: Delivery, links: ReadonlyArray<Tracer.SpanLink>) =>
  Effect.makeSpan(`process ${delivery.record.topic}`, {
    kind: "consumer",
    ...childOf(delivery),
    attributes: { ...attributes, ...placeOf(delivery.record) },
    links
  })

const childOf = (delivery: Delivery) => {
  const parent = parentOf(delivery)
  return parent === undefined ? { root: true } : { parent }
}

/**
 * Messages of sampled traces, and of none. Where these are too many, every stage chooses the same traces, so that an
 * order is followed all the way.
 */
const chooseFollowed = (deliveries: ReadonlyArray<Delivery>): ReadonlyArray<Delivery> => {
  const candidates = deliveries.filter(
    ({ traceparent }) => traceparent === undefined || TraceContext.isSampled(traceparent)
  )
  const limit = followedLimit(deliveries.length)
  if (candidates.length <= limit) return candidates
  // Numbers in an array of their own: sorting the candidates would cost as much as all the spans.
  const ranks = Float64Array.from(candidates, ({ traceparent }) =>
    traceparent === undefined ? 0 : randomnessOf(TraceContext.traceIdOf(traceparent))
  )
  const least = ranks.toSorted()[ranks.length - limit] ?? 0
  return candidates.filter((_, index) => (ranks[index] ?? 0) >= least).slice(0, limit)
}

const placeOf = (record: KafkaRecord): Attributes => ({
  "messaging.destination.partition.id": String(record.partition),
  "messaging.kafka.offset": record.offset
})

/** As it came, if it is one. */
const traceparentOf = (record: KafkaRecord): string | undefined => {
  const text = Result.getOrElse(readHeader(record, header.traceparent), () => undefined)
  return text !== undefined && TraceContext.isValid(text) ? text : undefined
}

const parentOf = ({ traceparent }: Delivery): Tracer.ExternalSpan | undefined =>
  traceparent === undefined ? undefined : TraceContext.parse(traceparent)

const endSpans = (spans: ReadonlyArray<Tracer.Span>, exit: Exit.Exit<unknown, unknown>) =>
  Effect.map(Clock.currentTimeNanos, (now) => {
    for (const span of spans) span.end(now, exit)
  })
