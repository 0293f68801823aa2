/** Stats messages → what they change in the ledger and in the counters. All of it is pure. */

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

/** An order has few: each is put in its place. */
const distinctSorted = (ids: ReadonlyArray<string>): ReadonlyArray<string> => {
  const sorted: Array<string> = []
  for (const id of ids) {
    let place = sorted.length
    while (place > 0 && (sorted[place - 1] ?? "") > id) place -= 1
    if (place === 0 || sorted[place - 1] !== id) sorted.splice(place, 0, id)
  }
  return sorted
}

/** @param stated as it came: ids in upper or lower case, and the same ones again */
export const contribution = (stated: Contribution): Contribution => ({
  ...stated,
  userId: stated.userId?.toLowerCase() ?? null,
  productIds: distinctSorted(stated.productIds.map((id) => id.toLowerCase())),
  categoryIds: distinctSorted(stated.categoryIds.map((id) => id.toLowerCase()))
})

/** new − old, counter by counter. */
export const counterChanges = (
  replaced: ReadonlyArray<Contribution>,
  replacing: ReadonlyArray<Contribution>,
  idsOf: (contribution: Contribution) => ReadonlyArray<string>
): ReadonlyArray<CounterChange> => {
  const changes = new Map<string, Map<string, number>>()
  const add = (contributions: ReadonlyArray<Contribution>, by: number) => {
    for (const contribution of contributions) {
      if (contribution.userId === null) continue
      let ofGuest = changes.get(contribution.userId)
      if (ofGuest === undefined) changes.set(contribution.userId, (ofGuest = new Map()))
      for (const id of idsOf(contribution)) ofGuest.set(id, (ofGuest.get(id) ?? 0) + by)
    }
  }
  add(replaced, -1)
  add(replacing, 1)
  const all: Array<CounterChange> = []
  for (const [userId, ofGuest] of changes) {
    for (const [id, change] of ofGuest) if (change !== 0) all.push({ userId, id, change })
  }
  return all
}

/** Both changes in one, counter by counter. Quick where the second has few. */
export const bothChanges = (
  changes: ReadonlyArray<CounterChange>,
  more: ReadonlyArray<CounterChange>
): ReadonlyArray<CounterChange> => {
  if (more.length === 0) return changes
  const left = new Map(
    Map.groupBy(more, ({ userId }) => userId)
      .entries()
      .map(([userId, ofGuest]) => [userId, new Map(ofGuest.map(({ change, id }) => [id, change]))])
  )
  const all: Array<CounterChange> = []
  for (const { change, id, userId } of changes) {
    const ofGuest = left.get(userId)
    const sum = change + (ofGuest?.get(id) ?? 0)
    ofGuest?.delete(id)
    if (sum !== 0) all.push({ userId, id, change: sum })
  }
  for (const [userId, ofGuest] of left) for (const [id, change] of ofGuest) all.push({ userId, id, change })
  return all
}
