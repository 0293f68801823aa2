/** Tag rules and what they decide. All of it is pure. */
import { type DatedOrder, foldWindow, type Verdict, type Window } from "./windows.ts"

/**
 * A guest has `tag` while the counter of the category is greater than `threshold`; by a rule with a window, while that
 * of the window is, or was and has not fallen to the exit threshold since.
 */
export interface TagRule {
  readonly tag: string
  readonly categoryId: string
  readonly categoryName: string
  readonly threshold: number
  readonly window?: Window | undefined
  readonly version: number
}

export type WindowedRule = TagRule & { readonly window: Window }

export const isWindowed = (rule: TagRule): rule is WindowedRule => rule.window !== undefined

/** A guest's counter of a category as it is now. */
export interface CategoryCount {
  readonly userId: string
  readonly categoryId: string
  readonly orderCount: number
}

/** A tag that a guest has. */
export interface HeldTag {
  readonly userId: string
  readonly tag: string
  readonly categoryId: string
  readonly orderCount: number
  readonly ruleVersion: number
}

export interface TagChanges {
  readonly given: ReadonlyArray<HeldTag>
  /** Tags that stay, with another counter or under another version of their rule. */
  readonly updated: ReadonlyArray<HeldTag>
  readonly taken: ReadonlyArray<HeldTag>
}

const keyOf = (userId: string, tag: string): string => `${userId} ${tag}`

const byKey = (a: HeldTag, b: HeldTag): number => {
  if (a.userId !== b.userId) return a.userId < b.userId ? -1 : 1
  return a.tag < b.tag ? -1 : 1
}

/** What rules go by. */
export interface Evidence {
  /** The counters that may have changed; a counter that is 0 is given as 0. */
  readonly counts: ReadonlyArray<CategoryCount>
  /**
   * The orders of each guest about whom a rule with a window may decide, the oldest first; none at all for one who has
   * neither the tag nor more orders of the category than the threshold, in the window or before.
   */
  readonly orders: ReadonlyMap<string, ReadonlyArray<DatedOrder>>
}

interface GuestVerdict extends Verdict {
  readonly userId: string
  readonly rule: TagRule
}

const verdictsOf = (rules: ReadonlyArray<TagRule>, { counts, orders }: Evidence): ReadonlyArray<GuestVerdict> => {
  const rulesByCategory = Map.groupBy(
    rules.filter((rule) => !isWindowed(rule)),
    (rule) => rule.categoryId
  )
  const windowed = rules.filter(isWindowed)
  return [
    ...counts.flatMap(({ categoryId, orderCount, userId }) =>
      (rulesByCategory.get(categoryId) ?? []).map((rule) => ({
        userId,
        rule,
        orderCount,
        isMet: orderCount > rule.threshold
      }))
    ),
    ...windowed.flatMap((rule) =>
      Array.from(orders, ([userId, own]) => ({ userId, rule, ...foldWindow(rule, rule.window, own) }))
    )
  ]
}

/**
 * What changes among the tags of some guests.
 * @param rules the active rules
 * @param held the tags those guests have now: all that rules for these categories gave, whatever else
 */
export const decideTags = (
  rules: ReadonlyArray<TagRule>,
  evidence: Evidence,
  held: ReadonlyArray<HeldTag>
): TagChanges => {
  const heldByGuest = Map.groupBy(held, (tag) => tag.userId)
  const given: Array<HeldTag> = []
  const updated: Array<HeldTag> = []
  const taken: Array<HeldTag> = []
  for (const { isMet, orderCount, rule, userId } of verdictsOf(rules, evidence)) {
    const { categoryId, tag, version: ruleVersion } = rule
    const before = heldByGuest.get(userId)?.find((held) => held.tag === tag)
    const now: HeldTag = { userId, tag, categoryId, orderCount, ruleVersion }
    if (!isMet) {
      if (before !== undefined) taken.push(now)
    } else if (before === undefined) {
      given.push(now)
    } else if (
      before.orderCount !== orderCount ||
      before.ruleVersion !== ruleVersion ||
      before.categoryId !== categoryId
    ) {
      updated.push(now)
    }
  }
  const activeTags = new Set(rules.map((rule) => rule.tag))
  for (const tag of held) {
    if (!activeTags.has(tag.tag)) taken.push(tag)
  }
  return { given: given.sort(byKey), updated: updated.sort(byKey), taken: taken.sort(byKey) }
}

/**
 * Counters of 0, for `decideTags`, of those who hold a tag of these rules and have no counter of its category: it is
 * gone, or the rule has another category now.
 */
export const missingCounts = (
  rules: ReadonlyArray<TagRule>,
  counts: ReadonlyArray<CategoryCount>,
  held: ReadonlyArray<HeldTag>
): ReadonlyArray<CategoryCount> => {
  const known = new Set(counts.map((count) => keyOf(count.userId, count.categoryId)))
  const rulesByTag = new Map(rules.map((rule) => [rule.tag, rule]))
  return held.flatMap(({ tag, userId }) => {
    const rule = rulesByTag.get(tag)
    if (rule === undefined) return []
    const key = keyOf(userId, rule.categoryId)
    if (known.has(key)) return []
    // Once, though several of the guest's tags ask for it: each counter decides all tags of its category.
    known.add(key)
    return [{ userId, categoryId: rule.categoryId, orderCount: 0 }]
  })
}

/** A rule as a marketer writes it. */
export interface RuleRequest {
  readonly tag: string
  readonly category: string
  readonly threshold: number
  readonly window?: Window | undefined
}

export type RuleChange =
  | { readonly _tag: "Added"; readonly request: RuleRequest }
  | { readonly _tag: "Changed"; readonly request: RuleRequest; readonly before: TagRule }
  | { readonly _tag: "Kept"; readonly rule: TagRule }
  /** As it was, but its category has come by a renaming: guests who ordered from that one may get the tag. */
  | { readonly _tag: "Bound"; readonly rule: TagRule }
  | { readonly _tag: "Retired"; readonly rule: TagRule }

const asksTheSame = (rule: TagRule, request: RuleRequest): boolean =>
  rule.categoryName === request.category &&
  rule.threshold === request.threshold &&
  rule.window?.days === request.window?.days &&
  rule.window?.exitThreshold === request.window?.exitThreshold

/**
 * What makes the active rules what the requests say; rules that no request names are retired. Sorted by tag.
 * @param bound tags of active rules that are bound to a category on this occasion
 */
export const diffRules = (
  active: ReadonlyArray<TagRule>,
  requests: ReadonlyArray<RuleRequest>,
  bound: ReadonlyArray<string>
): ReadonlyArray<RuleChange> => {
  const before = new Map(active.map((rule) => [rule.tag, rule]))
  const requested = new Set(requests.map((request) => request.tag))
  const changes = requests.map((request): RuleChange => {
    const rule = before.get(request.tag)
    if (rule === undefined) return { _tag: "Added", request }
    if (!asksTheSame(rule, request)) return { _tag: "Changed", request, before: rule }
    return { _tag: bound.includes(rule.tag) ? "Bound" : "Kept", rule }
  })
  const retired = active
    .filter((rule) => !requested.has(rule.tag))
    .map((rule): RuleChange => ({ _tag: "Retired", rule }))
  return [...changes, ...retired].sort((a, b) => (tagOf(a) < tagOf(b) ? -1 : 1))
}

/** The tag a change is about. */
export const tagOf = (change: RuleChange): string => ("request" in change ? change.request.tag : change.rule.tag)
