/** How many guests a rule would give its tag to, for every category and threshold: what to look at before a rule is made. */
import { isWindowed, type TagRule } from "@metka/cdm/rules"
import { activeRules } from "@metka/cdm/TagRepository"
import { inSnapshot } from "@metka/core/transaction"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { NullOrRuleWindow } from "./RuleWindow.ts"

/** Thresholds from 0 up to the one before this. */
export const thresholdCount = 10

const CategoryReach = Schema.Struct({
  category: Schema.String,
  guests: Schema.Array(Schema.Int).annotate({
    description: `How many guests a threshold of 0, 1, … ${thresholdCount - 1} would give a tag to`
  }),
  rules: Schema.Array(Schema.Struct({ tag: Schema.String, threshold: Schema.Int })).annotate({
    description: "Active rules of the category that count orders of any time, as this table does"
  })
})
export type CategoryReach = typeof CategoryReach.Type

export const Reach = Schema.Struct({
  categories: Schema.Array(CategoryReach).annotate({ description: "Those that reach most guests come first" }),
  otherRules: Schema.Array(
    Schema.Struct({
      tag: Schema.String,
      category: Schema.String,
      threshold: Schema.Int,
      window: NullOrRuleWindow
    })
  ).annotate({ description: "Active rules of other categories, with a greater threshold, or with a window" })
})
export type Reach = typeof Reach.Type

/** Guests whose counter of a category is exactly `orderCount`, which may be `thresholdCount` or more. */
interface Bucket {
  readonly categoryId: string
  readonly category: string
  readonly orderCount: number
  readonly guests: number
}

/** How many of the guests have more orders than each threshold. */
const reached = (buckets: ReadonlyArray<Bucket>): ReadonlyArray<number> =>
  Array.from({ length: thresholdCount }, (_, threshold) =>
    buckets.reduce((sum, { guests, orderCount }) => sum + (orderCount > threshold ? guests : 0), 0)
  )

export const readReach = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rules = yield* activeRules
  const buckets = yield* sql<Bucket>`
    select category_id::text as "categoryId", max(category_name) as category,
      least(order_cnt, ${thresholdCount}::int) as "orderCount", count(*)::int as guests
    from cdm.user_category_counters group by category_id, "orderCount"`
  const byCategory = Map.groupBy(buckets, ({ categoryId }) => categoryId)
  const isShown = (rule: TagRule): boolean =>
    byCategory.has(rule.categoryId) && rule.threshold < thresholdCount && !isWindowed(rule)
  const reach: Reach = {
    categories: [...byCategory]
      .map(([categoryId, own]) => ({
        category: own[0]?.category ?? "",
        guests: reached(own),
        rules: rules
          .filter((rule) => rule.categoryId === categoryId && isShown(rule))
          .map(({ tag, threshold }) => ({ tag, threshold }))
      }))
      .toSorted((a, b) => (b.guests[0] ?? 0) - (a.guests[0] ?? 0) || (a.category < b.category ? -1 : 1)),
    otherRules: rules
      .filter((rule) => !isShown(rule))
      .map(({ categoryName, tag, threshold, window = null }) => ({ tag, category: categoryName, threshold, window }))
  }
  return reach
}).pipe(inSnapshot)
