/** Sends records through kafkajs in requests that the broker takes. */
import type { Message, Producer } from "kafkajs"
import { KafkaError, type OutgoingRecord, RecordTooLarge } from "./Kafka.ts"
import { kafkaError } from "./KafkaJsErrors.ts"
import { recordBytes } from "./KafkaRecordSize.ts"

/**
 * kafkajs makes all messages of one request to one partition one record batch, and a broker refuses a batch over
 * `max.message.bytes`, 1,048,588 unless configured. What a request may carry stays below that in all, so whatever the
 * partitions, no batch exceeds it.
 */
const requestBytes = 900_000
/** kafkajs copies the messages of a partition for each one it adds. */
const requestRecords = 1_000
/** A broker closes the connection over a request beyond `socket.request.max.bytes`, 100 MiB unless configured. */
const connectionBytes = 96 * 1_048_576

interface Sized {
  readonly message: Message
  readonly bytes: number
}

const bufferOf = (data: Uint8Array | string): Buffer =>
  typeof data === "string"
    ? Buffer.from(data)
    : Buffer.isBuffer(data)
      ? data
      : Buffer.from(data.buffer, data.byteOffset, data.byteLength)

const sized = (record: OutgoingRecord, timestamp: string): Sized => {
  const key = record.key === null ? null : bufferOf(record.key)
  const value = bufferOf(record.value)
  return { message: { key, value, headers: record.headers, timestamp }, bytes: recordBytes(key, value, record.headers) }
}

/** In order; a record that is large by itself stands alone. */
const cut = (records: ReadonlyArray<Sized>): ReadonlyArray<ReadonlyArray<Sized>> => {
  const requests: Array<Array<Sized>> = []
  let request: Array<Sized> = []
  let bytes = 0
  for (const record of records) {
    if (request.length > 0 && (bytes + record.bytes > requestBytes || request.length === requestRecords)) {
      requests.push(request)
      request = []
      bytes = 0
    }
    request.push(record)
    bytes += record.bytes
  }
  if (request.length > 0) requests.push(request)
  return requests
}

/** A broker may be configured to take less: halve what it refuses until the record that is too large stands alone. */
const sendHalving = async (producer: Producer, topic: string, records: ReadonlyArray<Sized>): Promise<void> => {
  const bytes = records.reduce((sum, record) => sum + record.bytes, 0)
  try {
    if (bytes > connectionBytes) throw tooLarge(topic, bytes)
    await producer.send({ topic, acks: -1, messages: records.map((record) => record.message) })
  } catch (cause) {
    const error = kafkaError("publish", { topic })(cause)
    if (error.reason._tag !== "RecordTooLarge") throw error
    if (records.length === 1) throw tooLarge(topic, bytes, cause)
    const middle = records.length >> 1
    await sendHalving(producer, topic, records.slice(0, middle))
    await sendHalving(producer, topic, records.slice(middle))
  }
}

const tooLarge = (topic: string, bytes: number, cause?: unknown) =>
  new KafkaError({
    operation: "publish",
    reason: new RecordTooLarge({
      message: `a record for ${topic} of about ${bytes} bytes is over the broker's limit`,
      ...(cause === undefined ? {} : { cause })
    })
  })

/** One request after the other, so that records of one key stay in order. Rejects with `KafkaError`. */
export const sendAll = async (
  producer: Producer,
  topic: string,
  records: ReadonlyArray<OutgoingRecord>,
  timestampMillis: number
): Promise<void> => {
  const timestamp = String(timestampMillis)
  for (const request of cut(records.map((record) => sized(record, timestamp)))) {
    await sendHalving(producer, topic, request)
  }
}
