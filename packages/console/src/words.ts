/** What pages and the command line say in the same words. */
import type { Window } from "@metka/cdm/windows"
import type { LastOrderSpan } from "./LastOrder.ts"
import type { TagEvent } from "./TagReasons.ts"

const numbers = new Intl.NumberFormat("en")

export const number = (value: number): string => numbers.format(value)

export const counted = (count: number, one: string, more: string): string =>
  `${number(count)} ${count === 1 ? one : more}`

/** What a rule counts, up to its threshold. */
export const ordersWith = (count: number, category: string): string =>
  `${counted(count, "order", "orders")} with «${category}»`

/** What a rule asks of a guest. */
export const askedText = (
  { threshold, window }: { readonly threshold: number; readonly window?: Window | undefined },
  category: string
): string => {
  const all = `more than ${ordersWith(threshold, category)}`
  if (window === undefined) return all
  const within = `${all} within ${counted(window.days, "day", "days")}`
  return window.exitThreshold === threshold ? within : `${within}, until no more than ${window.exitThreshold} are left`
}

/** What guests did, of a limited span. */
export const lastOrdered = ({ notOrderedSince, orderedSince }: LastOrderSpan): string => {
  const since = orderedSince === undefined ? [] : [`on ${orderedSince} or later`]
  const before = notOrderedSince === undefined ? [] : [`before ${notOrderedSince}`]
  return `last ordered ${[...since, ...before].join(" and ")}`
}

/** @param time of an instant, as a person reads it */
export const eventText = (
  { action, at, categoryName, orderCount, ruleVersion, threshold }: TagEvent,
  time: (at: Date) => string
): string =>
  `${action} ${time(at)} with ${counted(orderCount, "order", "orders")} ` +
  `(version ${ruleVersion}: more than ${number(threshold)} with «${categoryName}»)`

/** Who is one order short of a tag that a first order gives. */
export const allOthers = "all others"
