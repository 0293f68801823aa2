/**
 * OpenTelemetry's attributes of an operation on a topic.
 * https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
 */
import type { Kafka } from "./Kafka.ts"

/** `operation` is both the name and the type of each operation that Metka has. */
export const messagingAttributes = (
  kafka: Kafka["Service"],
  operation: "create" | "send" | "process",
  topic: string
): Readonly<Record<string, string | number>> => ({
  ...kafka.attributes,
  "messaging.system": "kafka",
  "messaging.operation.name": operation,
  "messaging.operation.type": operation,
  "messaging.destination.name": topic
})
