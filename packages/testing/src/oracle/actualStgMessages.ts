import type { KafkaRecord } from "@metka/core/Kafka"
import type { StgMessage } from "./State.ts"

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * What `stg-service-orders` says now: of all records of the topic, for each order the one with the largest
 * `order-version` header, as sent, by order. Throws on a record without that header, a key or a JSON value: STG never
 * sends one.
 */
export const actualStgMessages = (
  records: Iterable<Pick<KafkaRecord, "key" | "value" | "headers">>
): ReadonlyArray<StgMessage> => {
  const newest = new Map<number, StgMessage & { readonly version: string }>()
  for (const { key, value, headers } of records) {
    const version = headers.get("order-version")
    if (key === null || value === null || version === undefined) {
      throw new Error(`a record of STG without key, value or order-version: ${value && text.decode(value)}`)
    }
    const sent = { key: text.decode(key), version: text.decode(version), message: JSON.parse(text.decode(value)) }
    const held = newest.get(sent.message.object_id)
    if (held === undefined || held.version < sent.version) newest.set(sent.message.object_id, sent)
  }
  return [...newest.values()]
    .sort((a, b) => a.message.object_id - b.message.object_id)
    .map(({ key, message }) => ({ key, message }))
}
