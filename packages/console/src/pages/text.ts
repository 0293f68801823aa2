/** Numbers, times and addresses as the pages have them. */

const numbers = new Intl.NumberFormat("en")

export const number = (value: number): string => numbers.format(value)

export const counted = (count: number, one: string, more: string): string =>
  `${number(count)} ${count === 1 ? one : more}`

/** `2026-11-29 20:33` in the zone. */
export const timeIn = (timeZone: string): ((date: Date) => string) => {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" })
  return (date) => format.format(date)
}

export const audiencePath = (tag: string, page = 1): string =>
  `/audience?${new URLSearchParams(page === 1 ? { tag } : { tag, page: String(page) })}`

export const audienceCsvPath = (tag: string): string => `/audience.csv?${new URLSearchParams({ tag })}`

/** About one tag alone, or all of them; `limit` is how many orders of each. */
export const guestPath = (id: string, query: { readonly tag?: string; readonly limit?: string } = {}): string =>
  `/guest?${new URLSearchParams({ id, ...query })}`
