/** The times of the messages: `YYYY-MM-DD HH:MM:SS`, with or without a fraction, without a zone, in UTC. */
import { Schema } from "effect"

const daysInMonth = (year: number, month: number): number => {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

const zero = "0".charCodeAt(0)
const hyphen = "-".charCodeAt(0)
const colon = ":".charCodeAt(0)
const space = " ".charCodeAt(0)
const point = ".".charCodeAt(0)

/** The number that `digits` decimal digits spell from `start` on; not a number where one is missing. */
const numberAt = (text: string, start: number, digits: number): number => {
  let number = 0
  for (let index = start; index < start + digits; index++) {
    const digit = text.charCodeAt(index) - zero
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    number = number * 10 + digit
  }
  return number
}

const isWithin = (number: number, least: number, most: number): boolean => number >= least && number <= most

const isFraction = (text: string): boolean =>
  text.length === 19 ||
  (text.length > 20 && text.charCodeAt(19) === point && !Number.isNaN(numberAt(text, 20, text.length - 20)))

/** Read digit by digit: an order has up to a dozen times, and a regular expression costs more than all else of them. */
export const isTimestamp = (text: string): boolean => {
  if (text.charCodeAt(4) !== hyphen || text.charCodeAt(7) !== hyphen || text.charCodeAt(10) !== space) return false
  if (text.charCodeAt(13) !== colon || text.charCodeAt(16) !== colon) return false
  const year = numberAt(text, 0, 4)
  const month = numberAt(text, 5, 2)
  return (
    isWithin(year, 1, 9_999) &&
    isWithin(month, 1, 12) &&
    isWithin(numberAt(text, 8, 2), 1, daysInMonth(year, month)) &&
    isWithin(numberAt(text, 11, 2), 0, 23) &&
    isWithin(numberAt(text, 14, 2), 0, 59) &&
    isWithin(numberAt(text, 17, 2), 0, 59) &&
    isFraction(text)
  )
}

/** A time of a message, as it was written. */
export const Timestamp = Schema.String.check(
  Schema.makeFilter((text: string) => isTimestamp(text) || "expected a time as YYYY-MM-DD HH:MM:SS[.fraction]")
)

/** Fixed width, microseconds, so that byte order is the order of time: `2023-04-01 20:45:43` → `2023-04-01 20:45:43.000000`. */
export const fixedWidth = (timestamp: string): string =>
  `${timestamp.slice(0, 19)}.${timestamp.slice(20, 26).padEnd(6, "0")}`
