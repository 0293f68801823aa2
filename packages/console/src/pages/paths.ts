/** Addresses of pages. */

const tagPageQuery = (tag: string, page: number) =>
  new URLSearchParams(page === 1 ? { tag } : { tag, page: String(page) })

export const audiencePath = (tag: string, page = 1): string => `/audience?${tagPageQuery(tag, page)}`

export const audienceCsvPath = (tag: string): string => `/audience.csv?${new URLSearchParams({ tag })}`

/** Of the guests whom one more order would give the tag. */
export const nearPath = (tag: string, page = 1): string => `/near?${tagPageQuery(tag, page)}`

export const nearCsvPath = (tag: string): string => `/near.csv?${new URLSearchParams({ tag })}`

/** About one tag alone, or all of them; `limit` is how many orders of each. */
export const guestPath = (id: string, query: { readonly tag?: string; readonly limit?: string } = {}): string =>
  `/guest?${new URLSearchParams({ id, ...query })}`
