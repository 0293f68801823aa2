const pattern = /^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?$/

const daysIn = (year: number, month: number) => {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/**
 * A time of the messages (`YYYY-MM-DD HH:MM:SS`, with or without a fraction, UTC) as `YYYY-MM-DD HH:MM:SS.ffffff`:
 * fixed width, a longer fraction cut, not rounded. `undefined` for everything that is not such a time: dates that
 * the calendar does not have, the year 0000, 24:00:00, a leap second, a zone, a `T`.
 */
export const normaliseTime = (text: string): string | undefined => {
  const parts = pattern.exec(text)
  if (parts === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number)
  const exists =
    year >= 1 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59
  return exists ? `${text.slice(0, 19)}.${(parts[7] ?? "").slice(0, 6).padEnd(6, "0")}` : undefined
}
