/** How large a record is where a broker's limits count it. */
import type { OutgoingRecord } from "./Kafka.ts"

/** Varints and attributes of a record, with its share of the batch's header; at most. */
const recordOverheadBytes = 100
/** What a header takes beyond its name and value; at most. */
const headerOverheadBytes = 10

/** What a record takes in Kafka's format; at most. */
export const recordBytes = (key: Uint8Array | null, value: Uint8Array, headers: OutgoingRecord["headers"]): number => {
  let bytes = recordOverheadBytes + (key?.byteLength ?? 0) + value.byteLength
  for (const name in headers) {
    bytes += headerOverheadBytes + Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? "")
  }
  return bytes
}
