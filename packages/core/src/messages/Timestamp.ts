/** The times of the messages: `YYYY-MM-DD HH:MM:SS`, with or without a fraction, without a zone, in UTC. */
import { Schema } from "effect"

const pattern = /^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?$/

const daysInMonth = (year: number, month: number): number => {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

export const isTimestamp = (text: string): boolean => {
  const match = pattern.exec(text)
  if (match === null) return false
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  return (
    year >= 1 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysInMonth(year, month) &&
    Number(match[4]) <= 23 &&
    Number(match[5]) <= 59 &&
    Number(match[6]) <= 59
  )
}

/** A time of a message, as it was written. */
export const Timestamp = Schema.String.check(
  Schema.makeFilter((text: string) => isTimestamp(text) || "expected a time as YYYY-MM-DD HH:MM:SS[.fraction]")
)

/** Fixed width, microseconds, so that byte order is the order of time: `2023-04-01 20:45:43` → `2023-04-01 20:45:43.000000`. */
export const fixedWidth = (timestamp: string): string =>
  `${timestamp.slice(0, 19)}.${timestamp.slice(20, 26).padEnd(6, "0")}`
