/**
 * A record that no retry can mend: it goes to the dead letters with its raw bytes, and its offset moves on.
 * It is a value, not an error: a bad record must never fail its neighbours.
 */
import { Data } from "effect"

export const badRecordReasons = [
  "empty_value",
  "not_utf8",
  "not_json",
  "unstorable_text",
  "schema",
  "bad_header",
  "refused_by_database",
  "refused_by_kafka"
] as const

export type BadRecordReason = (typeof badRecordReasons)[number]

export class BadRecord extends Data.TaggedClass("BadRecord")<{
  readonly reason: BadRecordReason
  readonly detail: string
}> {}

const detailLimit = 2_000

/** Makes a text storable in PostgreSQL and short: what is wrong with a record is often quoted in what is said of it. */
export const cleanDetail = (text: string): string =>
  text.slice(0, detailLimit).replaceAll("\u0000", "\\u0000").toWellFormed()
