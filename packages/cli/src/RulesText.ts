/** What applying tag rules changes, as text for a marketer. */
import type { MovedGuests } from "@metka/cdm/ApplyRules"
import type { UnknownCategory } from "@metka/cdm/KnownCategories"
import { type RuleChange, tagOf } from "@metka/cdm/rules"
import { askedText, counted, number } from "@metka/console/words"
import { printable } from "./terminal.ts"

/** What becomes of a rule, and of how many guests' tags. */
export const changeText = (change: RuleChange, moved: MovedGuests | undefined): string => {
  const { given, taken } = moved ?? { given: 0, taken: 0 }
  return [
    printable(ruleText(change)),
    ...(given === 0 ? [] : [`${counted(given, "guest gets", "guests get")} it`]),
    ...(taken === 0 ? [] : [`${counted(taken, "guest loses", "guests lose")} it`])
  ].join("; ")
}

const ruleText = (change: RuleChange): string => {
  switch (change._tag) {
    case "Added":
      return `+ «${change.request.tag}»: ${askedText(change.request, change.request.category)}`
    case "Changed":
      return (
        `~ «${change.request.tag}»: ${askedText(change.request, change.request.category)}` +
        ` (was: ${askedText(change.before, change.before.categoryName)})`
      )
    case "Kept":
      return `= «${change.rule.tag}»: ${askedText(change.rule, change.rule.categoryName)}`
    case "Bound":
      return (
        `~ «${change.rule.tag}»: ${askedText(change.rule, change.rule.categoryName)}` +
        " (a category has this name now: guests with so many of it get the tag)"
      )
    case "Retired":
      return `- «${tagOf(change)}»: retired, nobody keeps it`
  }
}

/** A line for each slip of the pen that can be told, and one for all others: on the first day that is every category. */
export const unknownCategoriesText = (unknown: ReadonlyArray<UnknownCategory>): ReadonlyArray<string> => {
  const others = unknown.filter(({ similar }) => similar === undefined).map(({ category }) => `«${category}»`)
  const lines = [
    ...unknown.flatMap(({ category, similar }) =>
      similar === undefined
        ? []
        : [`Warning: no guest has ordered from the category «${category}» yet; is it «${similar}», as in the menus?`]
    ),
    ...(others.length === 0
      ? []
      : [
          `Warning: no guest has ordered from the ${others.length === 1 ? "category" : "categories"} ` +
            `${others.join(", ")} yet. Spelled as in the menus?`
        ])
  ]
  return lines.map(printable)
}

export const appliedText = ({ given, taken }: MovedGuests): string =>
  `Applied: ${counted(given, "tag", "tags")} given, ${number(taken)} taken.`

export const previewText = ({ given, taken }: MovedGuests): string =>
  `It would give ${counted(given, "tag", "tags")} and take ${number(taken)}. Nothing was changed (--dry-run).`
