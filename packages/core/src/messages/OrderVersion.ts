/**
 * The total order of an order's versions. It is a text compared bytewise: `update_ts|sent_dttm|sha256`, times of fixed
 * width, the hash of the whole order message, so that any two different messages have an order and every stage finds
 * the same one.
 */
import { hash } from "node:crypto"
import { storableMillis } from "../storableTimestamp.ts"
import { fixedWidth, isTimestamp } from "./Timestamp.ts"

const withTimes = /^([^|]{19,40})\|([^|]{19,40})(\|[\x21-\x7e]{1,256})$/
const withoutTimes = /^!\d{16}\|[\x21-\x7e]{1,256}$/

/** The version of an order message from its times and its raw bytes. */
export const fromMessage = (updateTs: string, sentDttm: string, value: Uint8Array): string =>
  `${fixedWidth(updateTs)}|${fixedWidth(sentDttm)}|${hash("sha256", value, "hex")}`

/** A header `order-version` as STG would have written it, so that bytes can be compared; `undefined` if it is none. */
export const parseOrderVersion = (text: string): string | undefined => {
  const [, updateTs = "", sentDttm = "", rest = ""] = withTimes.exec(text) ?? []
  if (isTimestamp(updateTs) && isTimestamp(sentDttm)) return `${fixedWidth(updateTs)}|${fixedWidth(sentDttm)}${rest}`
  return withoutTimes.test(text) ? text : undefined
}

/**
 * The version of a message that carries no `order-version`: older than any that does (`!` sorts before digits), and
 * among its like ordered by Kafka timestamp (milliseconds), then by the hash of the value.
 */
export const withoutHeader = (kafkaTimestamp: number, value: Uint8Array): string =>
  `${timeless(kafkaTimestamp)}|${hash("sha256", value, "hex")}`

/** Whether a header holds the version of a reference that came without one. */
export const isTimeless = (text: string): boolean => /^!\d{16}$/.test(text)

/** The version of a reference that came without one: older than any reference with one, then by Kafka timestamp. */
export const timeless = (kafkaTimestamp: number): string =>
  `!${String(Math.max(0, storableMillis(kafkaTimestamp))).padStart(16, "0")}`
