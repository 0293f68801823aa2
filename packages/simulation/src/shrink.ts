/**
 * Makes a failing plan smaller, by delta debugging: leaves out ever smaller parts of its events and faults for as long
 * as the rest still fails.
 * Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.
 */
import { Effect } from "effect"
import type { Event, Fault, Plan } from "./Plan.ts"

type Item = { readonly event: Event } | { readonly fault: Fault }

const itemsOf = ({ events, faults }: Plan): ReadonlyArray<Item> => [
  ...faults.map((fault) => ({ fault })),
  ...events.map((event) => ({ event }))
]

const planOf = (plan: Plan, items: ReadonlyArray<Item>): Plan => ({
  ...plan,
  events: items.flatMap((item) => ("event" in item ? [item.event] : [])),
  faults: items.flatMap((item) => ("fault" in item ? [item.fault] : []))
})

/** @param fails whether a plan still shows the failure */
export const shrink = Effect.fnUntraced(function* <E, R>(
  plan: Plan,
  fails: (smaller: Plan) => Effect.Effect<boolean, E, R>
) {
  let items = itemsOf(plan)
  let parts = 2
  while (items.length > 1) {
    const size = Math.ceil(items.length / parts)
    let smaller: ReadonlyArray<Item> | undefined
    for (let from = 0; from < items.length && smaller === undefined; from += size) {
      const rest = [...items.slice(0, from), ...items.slice(from + size)]
      if (yield* fails(planOf(plan, rest))) smaller = rest
    }
    if (smaller !== undefined) {
      items = smaller
      parts = Math.max(2, parts - 1)
    } else if (size === 1) {
      break
    } else {
      parts = Math.min(items.length, parts * 2)
    }
  }
  return planOf(plan, items)
})
