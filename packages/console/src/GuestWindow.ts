/** What a rule with a window makes of a guest: the window at their newest order, and the orders in it. */
import { type DatedOrder, foldWindow, type Window, windowStart } from "@metka/cdm/windows"
import { Schema } from "effect"
import { RuleWindow } from "./RuleWindow.ts"

export const GuestWindow = Schema.Struct({
  ...RuleWindow.fields,
  orderCount: Schema.Int.annotate({ description: "The guest's orders of the category in it" }),
  from: Schema.NullOr(Schema.Date).annotate({
    description: "Orders after this instant are in it; null where none of the guest's orders has a date"
  }),
  until: Schema.NullOr(Schema.Date).annotate({
    description: "Of the guest's newest order of any category; null where none has a date"
  }),
  isMet: Schema.Boolean.annotate({
    description:
      "Whether the guest's orders give the tag: more than the threshold are in the window, or they were and have not " +
      "fallen to the exit threshold since"
  })
})
export type GuestWindow = typeof GuestWindow.Type

/** @param orders the guest's newest that have a date, the oldest first */
export const guestWindow = (
  rule: { readonly categoryId: string; readonly threshold: number },
  window: Window,
  orders: ReadonlyArray<DatedOrder>
): GuestWindow => {
  const newest = orders.at(-1)
  return {
    ...window,
    ...foldWindow(rule, window, orders),
    from: newest === undefined ? null : new Date(windowStart(window, newest.at)),
    until: newest === undefined ? null : new Date(newest.at)
  }
}

/** Whether an order of this date is in the window; without a window all are. */
export const isCounted = (window: Pick<GuestWindow, "from"> | null, date: Date | null): boolean =>
  window === null || (window.from !== null && date !== null && date > window.from)
