/**
 * What OpenTelemetry's conventions want of every client of a broker, by their names. Recorded a request or batch at a
 * time. https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/
 */
import { Duration, Metric } from "effect"
import { perLabels, withMetrics } from "./perLabels.ts"
import type { Took } from "./Settled.ts"

const durations = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const attributesOf = (operation: "send" | "process", topic: string, rest: Readonly<Record<string, string>>) => ({
  "messaging.system": "kafka",
  "messaging.operation.name": operation,
  "messaging.destination.name": topic,
  ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ""))
})

const sentMessages = perLabels((topic = "", errorType = "") =>
  Metric.counter("messaging.client.sent.messages", {
    description: "Messages that the producer attempted to send",
    attributes: { unit: "{message}", ...attributesOf("send", topic, { "error.type": errorType }) },
    incremental: true
  })
)

const operationDuration = perLabels((topic = "", errorType = "") =>
  Metric.histogram("messaging.client.operation.duration", {
    description: "How long a request to send messages took",
    attributes: { unit: "s", ...attributesOf("send", topic, { "error.type": errorType }) },
    boundaries: durations
  })
)

const consumedMessages = perLabels((topic = "", group = "") =>
  Metric.counter("messaging.client.consumed.messages", {
    description: "Messages that were delivered to the application",
    attributes: { unit: "{message}", ...attributesOf("process", topic, { "messaging.consumer.group.name": group }) },
    incremental: true
  })
)

const processDuration = perLabels((topic = "", group = "") =>
  Metric.histogram("messaging.process.duration", {
    description: "How long a batch took from its decoding to its commit",
    attributes: { unit: "s", ...attributesOf("process", topic, { "messaging.consumer.group.name": group }) },
    boundaries: durations
  })
)

/** Counts a request to send; `errorType` of one that failed. */
export const recordSent = (topic: string, messages: number, seconds: number, errorType = "") =>
  withMetrics((context) => {
    sentMessages(topic, errorType).updateUnsafe(messages, context)
    operationDuration(topic, errorType).updateUnsafe(seconds, context)
  })

/** Counts a batch that is done, by how long its steps took. */
export const recordProcessed = (topic: string, group: string, messages: number, took: Took) =>
  withMetrics((context) => {
    consumedMessages(topic, group).updateUnsafe(messages, context)
    const total = Object.values(took).reduce(Duration.sum, Duration.zero)
    processDuration(topic, group).updateUnsafe(Duration.toSeconds(total), context)
  })

/** Prometheus's names say the unit, and that a counter is one. */
export const prometheusName = (name: string): string => {
  if (!name.startsWith("messaging.")) return name
  return name.endsWith(".duration") ? `${name}_seconds` : `${name}_total`
}
