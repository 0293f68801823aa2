/** Where a record was in Kafka. With the timestamp, since a topic that is made anew counts its offsets again. */
import type { KafkaRecord } from "../Kafka.ts"
import { storableMillis } from "../storableTimestamp.ts"

export type Place = Pick<KafkaRecord, "topic" | "partition" | "offset" | "timestamp">

/** The same text for a record and for what the dead letters keep of it. */
export const placeText = ({ offset, partition, timestamp, topic }: Place): string =>
  [topic, partition, offset, storableMillis(timestamp)].join(":")

const pattern = /^(?<topic>[A-Za-z0-9._-]{1,249}):(?<partition>\d{1,10}):(?<offset>\d{1,16}):(?<timestamp>-?\d{1,15})$/

/** `undefined` for what `placeText` does not write. */
export const parsePlace = (text: string): Place | undefined => {
  const parts = pattern.exec(text)?.groups
  if (parts === undefined) return undefined
  const { offset, partition, timestamp, topic = "" } = parts
  return { topic, partition: Number(partition), offset: Number(offset), timestamp: Number(timestamp) }
}
