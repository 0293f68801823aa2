/** What applying tag rules changes, as text for a marketer. */
import type { AppliedRules } from "@metka/cdm/ApplyRules"
import { type RuleChange, tagOf } from "@metka/cdm/rules"
import { number, ordersWith } from "@metka/console/words"

/** When a guest has a rule's tag. */
export const conditionText = (threshold: number, category: string): string =>
  `more than ${ordersWith(threshold, category)}`

export const changeText = (change: RuleChange): string => {
  switch (change._tag) {
    case "Added":
      return `+ «${change.request.tag}»: ${conditionText(change.request.threshold, change.request.category)}`
    case "Changed":
      return (
        `~ «${change.request.tag}»: ${conditionText(change.request.threshold, change.request.category)}` +
        ` (was: more than ${number(change.before.threshold)} with «${change.before.categoryName}»)`
      )
    case "Kept":
      return `= «${change.rule.tag}»: ${conditionText(change.rule.threshold, change.rule.categoryName)}`
    case "Bound":
      return (
        `~ «${change.rule.tag}»: ${conditionText(change.rule.threshold, change.rule.categoryName)}` +
        " (a category has this name now: guests with so many of it get the tag)"
      )
    case "Retired":
      return `- «${tagOf(change)}»: retired, nobody keeps it`
  }
}

export const unknownCategoryText = (category: string): string =>
  `Warning: no guest has ordered from the category «${category}» yet. Is it spelled as in the menus?`

export const appliedText = ({ given, taken }: Pick<AppliedRules, "given" | "taken">): string =>
  `Applied: ${given} tags given, ${taken} taken.`
