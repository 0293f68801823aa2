/** Addresses of pages. */

export const audiencePath = (tag: string, page = 1): string =>
  `/audience?${new URLSearchParams(page === 1 ? { tag } : { tag, page: String(page) })}`

export const audienceCsvPath = (tag: string): string => `/audience.csv?${new URLSearchParams({ tag })}`

/** About one tag alone, or all of them; `limit` is how many orders of each. */
export const guestPath = (id: string, query: { readonly tag?: string; readonly limit?: string } = {}): string =>
  `/guest?${new URLSearchParams({ id, ...query })}`
