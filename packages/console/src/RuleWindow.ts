/** The window of time that a rule may have, as the API tells of it. */
import { Schema } from "effect"

export const RuleWindow = Schema.Struct({
  days: Schema.Int.annotate({
    description: "Each time a guest orders, the orders of so many days of 24 hours up to that one count"
  }),
  exitThreshold: Schema.Int.annotate({
    description: "A guest who has the tag loses it once no more orders than these are left in the window"
  })
})

export const NullOrRuleWindow = Schema.NullOr(RuleWindow).annotate({
  description: "null for a rule that counts orders of any time"
})

/** Of a row of `cdm.tag_rules` named `rule`. */
export const windowColumn = `case when rule.window_days is not null then
  json_build_object('days', rule.window_days, 'exitThreshold', rule.exit_threshold) end as "window"`
