/** What pages and the command line say in the same words. */
import type { Window } from "@metka/cdm/windows"
import type { LastOrderSpan } from "./LastOrder.ts"
import type { ReasonOrder, TagEvent, TagReason } from "./TagReasons.ts"

const numbers = new Intl.NumberFormat("en")

export const number = (value: number): string => numbers.format(value)

export const counted = (count: number, one: string, more: string): string =>
  `${number(count)} ${count === 1 ? one : more}`

export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** What a rule counts, up to its threshold. */
const ordersWith = (count: number, category: string): string =>
  `${counted(count, "order", "orders")} with «${category}»`

export const withinDays = ({ days }: Pick<Window, "days">): string => `within ${counted(days, "day", "days")}`

/** What a rule asks of a guest. */
export const askedText = (
  { threshold, window }: { readonly threshold: number; readonly window?: Window | null | undefined },
  category: string
): string => {
  const all = `more than ${ordersWith(threshold, category)}`
  if (window === undefined || window === null) return all
  const within = `${all} ${withinDays(window)}`
  if (window.exitThreshold === threshold) return within
  const left = window.exitThreshold === 0 ? "none" : `${number(window.exitThreshold)} or fewer`
  return `${within}, until ${left} are left`
}

/** What guests did, of a limited span. */
export const lastOrdered = ({ notOrderedSince, orderedSince }: LastOrderSpan): string => {
  const since = orderedSince === undefined ? [] : [`on ${orderedSince} or later`]
  const before = notOrderedSince === undefined ? [] : [`before ${notOrderedSince}`]
  return `last ordered ${[...since, ...before].join(" and ")}`
}

/** @param time of an instant, as a person reads it */
export const eventText = (
  { action, at, categoryName, orderCount, ruleVersion, threshold, window }: TagEvent,
  time: (at: Date) => string
): string =>
  `${action} ${time(at)} with ${counted(orderCount, "order", "orders")} ` +
  // Several orders at once, or rules that are new: between the thresholds already, after more.
  (action === "given" && orderCount <= threshold ? "left " : "") +
  `(version ${ruleVersion}: ${askedText({ threshold, window }, categoryName)})`

/** The number of a guest's orders that the rule goes by. */
export const decisiveCount = ({ orderCount, window }: TagReason): number => window?.orderCount ?? orderCount

/** Which orders that number is of, where they are not all. */
export const withinText = ({ orderCount, window }: TagReason, time: (at: Date) => string): string => {
  if (window === null) return ""
  const within =
    window.until === null ? "with a date" : `${withinDays(window)} up to their newest order at ${time(window.until)}`
  return ` ${within}, ${number(orderCount)} in all`
}

/** Whether an order is in the window. */
export const isCountedText = ({ date, isCounted }: ReasonOrder): string =>
  isCounted ? "yes" : date === null ? "no: without a date" : "no: before the window"

/** A sentence about a tag that the guest would not get now, and keeps. */
export const staysText = ({ isHeld, threshold, window }: TagReason): ReadonlyArray<string> =>
  window !== null && isHeld && window.isMet && window.orderCount <= threshold
    ? [
        `The tag stays: the window had more than ${number(threshold)} before, ` +
          `and no fewer than ${number(window.exitThreshold + 1)} since.`
      ]
    : []

/** Who is one order short of a tag that a first order gives. */
export const allOthers = "all others"
