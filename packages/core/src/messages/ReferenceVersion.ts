/**
 * How new a guest's or restaurant's reference is: its `update_ts_utc`, compared bytewise. A reference whose time cannot be
 * read is as old as one without: else `zzz` would be newer than any time, and its names would stay for ever.
 */
import { isTimestamp } from "./Timestamp.ts"

const unknown = ""

/** `!` and a Kafka timestamp: of a message without the header, see `OrderVersion.timeless`. */
const timelessPattern = /^!\d{16}$/

/** What a reference's time, or the header that carries it, counts for; ISO 8601 in UTC is read as well. */
export const referenceVersion = (text: string): string => {
  if (isTimestamp(text) || timelessPattern.test(text)) return text
  const time = text.replace(/^(.{10})T/, "$1 ").replace(/Z$/, "")
  return isTimestamp(time) ? time : unknown
}
