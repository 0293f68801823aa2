/** Where a record was in Kafka, as text. With the timestamp, since a topic that is made anew counts its offsets again. */
import type { KafkaRecord } from "../Kafka.ts"

export const placeText = ({
  offset,
  partition,
  timestamp,
  topic
}: Pick<KafkaRecord, "topic" | "partition" | "offset" | "timestamp">): string =>
  `${topic}:${partition}:${offset}:${timestamp}`

export const isPlaceText = (text: string): boolean => /^[A-Za-z0-9._-]{1,249}:\d{1,10}:\d{1,16}:-?\d{1,19}$/.test(text)
