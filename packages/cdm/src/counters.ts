/** Stats messages → what they change in the ledger and in the counters. All of it is pure. */
import type { CdmStat } from "@metka/core/messages/CdmStats"

/** A version of what an order contributes. */
export interface Contribution {
  readonly orderId: string
  readonly version: string
  /** The guest; unknown for an order that contributes nothing. */
  readonly userId: string | null
  readonly orderDate: string | null
  /** Distinct, sorted. */
  readonly productIds: ReadonlyArray<string>
  /** Distinct, sorted: two dishes of one category in one order count once. */
  readonly categoryIds: ReadonlyArray<string>
}

/** What a counter changes by; never 0. */
export interface CounterChange {
  readonly userId: string
  readonly id: string
  readonly change: number
}

const distinctSorted = (ids: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(ids)].sort()

export const contribution = (
  orderId: string,
  version: string,
  orderDate: string | null,
  stats: ReadonlyArray<CdmStat>
): Contribution => ({
  orderId,
  version,
  userId: stats[0]?.user_id.toLowerCase() ?? null,
  orderDate,
  productIds: distinctSorted(stats.map((stat) => stat.product_id.toLowerCase())),
  categoryIds: distinctSorted(stats.map((stat) => stat.category_id.toLowerCase()))
})

/** new − old, counter by counter, sorted by guest and id. */
export const counterChanges = (
  replaced: ReadonlyArray<Contribution>,
  replacing: ReadonlyArray<Contribution>,
  idsOf: (contribution: Contribution) => ReadonlyArray<string>
): ReadonlyArray<CounterChange> => {
  const changes = new Map<string, CounterChange>()
  const add = (contributions: ReadonlyArray<Contribution>, by: number) => {
    for (const contribution of contributions) {
      if (contribution.userId === null) continue
      for (const id of idsOf(contribution)) {
        const key = contribution.userId + id
        const change = (changes.get(key)?.change ?? 0) + by
        changes.set(key, { userId: contribution.userId, id, change })
      }
    }
  }
  add(replaced, -1)
  add(replacing, 1)
  return [...changes.entries()]
    .filter(([, { change }]) => change !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, change]) => change)
}
