/** Addresses of pages. */
import type { LastOrderSpan } from "../LastOrder.ts"

const listQuery = (tag: string, span: LastOrderSpan, page: number) =>
  new URLSearchParams({ tag, ...span, ...(page === 1 ? {} : { page: String(page) }) })

export const audiencePath = (tag: string, span: LastOrderSpan = {}, page = 1): string =>
  `/audience?${listQuery(tag, span, page)}`

export const audienceCsvPath = (tag: string, span: LastOrderSpan = {}): string =>
  `/audience.csv?${listQuery(tag, span, 1)}`

/** Of the guests whom one more order would give the tag. */
export const nearPath = (tag: string, span: LastOrderSpan = {}, page = 1): string =>
  `/near?${listQuery(tag, span, page)}`

export const nearCsvPath = (tag: string, span: LastOrderSpan = {}): string => `/near.csv?${listQuery(tag, span, 1)}`

/** About one tag alone, or all of them; `limit` is how many orders of each. */
export const guestPath = (id: string, query: { readonly tag?: string; readonly limit?: string } = {}): string =>
  `/guest?${new URLSearchParams({ id, ...query })}`
