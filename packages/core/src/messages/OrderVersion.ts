/**
 * The total order of an order's versions. It is a text compared bytewise: `update_ts|sent_dttm|sha256`, times of fixed
 * width, the hash of the whole order message, so that any two different messages have an order and every stage finds
 * the same one.
 */
import { hash } from "node:crypto"
import { storableMillis } from "../storableTimestamp.ts"
import { fixedWidth } from "./Timestamp.ts"

/** Starts like a time, or like the version of a message that came without one; compared bytewise, whatever follows. */
const pattern = /^(?:\d|!\d{16}\|)[\x20-\x7e]{1,499}$/

/** The version of an order message from its times and its raw bytes. */
export const fromMessage = (updateTs: string, sentDttm: string, value: Uint8Array): string =>
  `${fixedWidth(updateTs)}|${fixedWidth(sentDttm)}|${hash("sha256", value, "hex")}`

/** Whether a header `order-version` can be compared with the ones that STG writes and DDS passes on. */
export const isOrderVersion = (text: string): boolean => pattern.test(text)

/**
 * The version of a message that carries no `order-version`: older than any that does (`!` sorts before digits), and
 * among its like ordered by Kafka timestamp (milliseconds), then by the hash of the value.
 */
export const withoutHeader = (kafkaTimestamp: number, value: Uint8Array): string =>
  `${timeless(kafkaTimestamp)}|${hash("sha256", value, "hex")}`

/** The version of a reference that came without one: older than any reference with one, then by Kafka timestamp. */
export const timeless = (kafkaTimestamp: number): string =>
  `!${String(Math.max(0, storableMillis(kafkaTimestamp))).padStart(16, "0")}`
