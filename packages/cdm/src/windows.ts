/** Windows of time: what a rule counts of a guest's orders when only those of its last days count. All of it is pure. */

/** Each time a guest orders, the orders of so many days up to that one count. */
export interface Window {
  /** Of 24 hours. */
  readonly days: number
  /** A guest who has the tag loses it once no more orders than these are left in the window. */
  readonly exitThreshold: number
}

/** An order of a guest's ledger; one without a date is in no window. */
export interface DatedOrder {
  /** Milliseconds since 1970, UTC. */
  readonly at: number
  readonly categoryIds: ReadonlyArray<string>
}

/** The newest of a guest that are looked at: one account may order for a whole company, and has to fit into memory. */
export const mostOrders = 1_000

/** What a rule counts of a guest now, and whether the guest is to have its tag. */
export interface Verdict {
  readonly orderCount: number
  readonly isMet: boolean
}

const millisInADay = 86_400_000

/** Orders after this moment are in the window that ends with `until`. */
export const windowStart = ({ days }: Pick<Window, "days">, until: number): number => until - days * millisInADay

/**
 * Looks at the window once for each moment at which the guest ordered anything, as if the orders came one by one: no
 * clock takes part, so that the same orders give the same tags, whenever they are delivered.
 * @param orders the guest's, the oldest first
 */
export const foldWindow = (
  { categoryId, threshold }: { readonly categoryId: string; readonly threshold: number },
  window: Window,
  orders: ReadonlyArray<DatedOrder>
): Verdict => {
  const counted: Array<number> = []
  let gone = 0
  let isMet = false
  for (const [index, { at, categoryIds }] of orders.entries()) {
    if (categoryIds.includes(categoryId)) counted.push(at)
    // Orders of one moment are seen together: which of them came first must not matter.
    if (orders[index + 1]?.at === at) continue
    while ((counted[gone] ?? Infinity) <= windowStart(window, at)) gone += 1
    const orderCount = counted.length - gone
    if (orderCount > threshold) isMet = true
    else if (orderCount <= window.exitThreshold) isMet = false
  }
  return { orderCount: counted.length - gone, isMet }
}
