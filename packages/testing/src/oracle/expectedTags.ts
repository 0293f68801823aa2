import type { EnrichedOrder } from "./expectedVault.ts"
import { normaliseTime } from "./normaliseTime.ts"
import type { Order } from "./readOrder.ts"
import { type CategoryCounter, compareRows, type UserTag } from "./State.ts"

/** Each time a guest orders anything, the orders of so many days of 24 hours up to then count, and no others. */
export interface TagWindow {
  readonly days: number
  /** Who has the tag loses it when no more orders than these are left. */
  readonly exitThreshold: number
}

/** One active tag rule: a guest has `tag` while the counter of `category` is greater than `threshold`. */
export interface TagRule {
  readonly tag: string
  readonly category: string
  readonly threshold: number
  readonly window?: TagWindow | undefined
}

const day = 24 * 60 * 60 * 1000

/** Milliseconds of UTC: what is finer tells no two moments apart. */
const momentOf = (order: Order): number => {
  const text = normaliseTime(order.date) ?? ""
  return Date.parse(`${text.slice(0, 10)}T${text.slice(11, 23)}Z`)
}

/** What the guest's orders make of the tag, or nothing. Counted anew at every moment: slow, and hard to get wrong. */
const tagInWindow = (
  { category, tag, threshold }: TagRule,
  { days, exitThreshold }: TagWindow,
  user: string,
  orders: ReadonlyArray<EnrichedOrder>
): ReadonlyArray<UserTag> => {
  const moments = [...new Set(orders.map(({ order }) => momentOf(order)))].sort((a, b) => a - b)
  let has = false
  let count = 0
  for (const now of moments) {
    count = orders.filter(({ dishes, order }) => {
      const at = momentOf(order)
      return dishes.some((dish) => dish.category === category) && now - days * day < at && at <= now
    }).length
    if (count > threshold) has = true
    if (count <= exitThreshold) has = false
  }
  return has ? [{ user_id: user, tag, category_name: category, order_cnt: count }] : []
}

const tagsByWindow = (rule: TagRule, window: TagWindow, orders: ReadonlyArray<EnrichedOrder>) => {
  const counted = orders.filter(({ dishes, order }) => order.finalStatus === "CLOSED" && dishes.length > 0)
  return [...Map.groupBy(counted, ({ order }) => order.userId)].flatMap(([user, own]) =>
    tagInWindow(rule, window, user, own)
  )
}

const tagsByCounter = ({ category, tag, threshold }: TagRule, counters: ReadonlyArray<CategoryCounter>) =>
  counters
    .filter((counter) => counter.category_name === category && counter.order_cnt > threshold)
    .map(({ user_id, category_name, order_cnt }) => ({ user_id, tag, category_name, order_cnt }))

/** `orders` in their newest versions, and the counters that these make. */
export const expectedTags = (
  orders: ReadonlyArray<EnrichedOrder>,
  counters: ReadonlyArray<CategoryCounter>,
  rules: ReadonlyArray<TagRule>
): ReadonlyArray<UserTag> =>
  rules
    .flatMap((rule) =>
      rule.window === undefined ? tagsByCounter(rule, counters) : tagsByWindow(rule, rule.window, orders)
    )
    .sort((a, b) => compareRows([a.user_id, a.tag], [b.user_id, b.tag]))
