/** Orders as STG stores them, without STG. */
import type { Enrichment } from "@metka/stg/enrich"
import * as Repository from "@metka/stg/StgRepository"
import { Effect } from "effect"
import { hash } from "node:crypto"

/** The `n`-th version of an order; later ones are newer. */
export const version = (n: number): string =>
  `2023-04-01 20:45:${String(n).padStart(2, "0")}.000000|2023-04-01 21:00:00.000000|${hash("sha256", String(n), "hex")}`

export const enrichment = (guest: string): Enrichment => ({
  guest: { name: guest, login: "login", version: "1" },
  restaurant: { name: "Кофейня №1", version: "1" },
  dishes: [["d1", "Ролл", "Выпечка"]]
})

export const delivered = (
  objectId: number,
  n: number,
  options: Partial<Repository.DeliveredOrder> = {}
): Repository.DeliveredOrder => ({
  objectId,
  version: version(n),
  sentDttm: "2023-04-01 21:00:00.000000",
  payload: Buffer.from(`{"n": ${n}}`),
  topic: "orders",
  partition: 0,
  offset: n,
  kafkaTimestamp: 1_680_000_000_000,
  enrichment: undefined,
  ...options
})

export const upsertOrders = (orders: ReadonlyArray<Repository.DeliveredOrder>) =>
  Effect.flatMap(Repository.deliveredColumns(orders), Repository.upsertOrders)
