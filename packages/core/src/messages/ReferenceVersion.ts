/**
 * How new a guest's or restaurant's reference is: its `update_ts_utc`, compared bytewise. A reference whose time cannot be
 * read is as old as one without: else `zzz` would be newer than any time, and its names would stay for ever.
 */
import { isTimestamp } from "./Timestamp.ts"

/** Of a reference without a time, or with none that can be read. */
export const unknownVersion = ""

/** What other systems write for a time: ISO 8601 and PostgreSQL's own, with an offset or in UTC. */
const spelling = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d+)?)?(?: ?(?:Z|UTC|([+-])(\d\d)(?::?(\d\d))?))?$/

const inUtc = (time: string, minutesAhead: number): string =>
  new Date(Date.parse(`${time.replace(" ", "T")}Z`) - minutesAhead * 60_000)
    .toISOString()
    .slice(0, 19)
    .replace("T", " ")

/** The version of a reference of this time: `YYYY-MM-DD HH:MM:SS` as it is, with or without a fraction. */
export const referenceVersion = (updated: string): string => {
  if (isTimestamp(updated)) return updated
  const found = spelling.exec(updated)
  if (found === null) return unknownVersion
  const [, date, hour = "00:00", second = ":00", fraction = "", sign = "+", hours = "0", minutes = "0"] = found
  const time = `${date} ${hour}${second}`
  if (!isTimestamp(time)) return unknownVersion
  const version = inUtc(time, Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes))) + fraction
  return isTimestamp(version) ? version : unknownVersion
}
