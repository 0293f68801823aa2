/** What the auditor does one after the other, for a person who waits. */
import { Effect } from "effect"

/** Each with its share of the time in percent, as it was at 400,000 orders. */
const steps = [
  { name: "orders, one by one", share: 75 },
  { name: "keys", share: 10 },
  { name: "tables", share: 13 },
  { name: "tags", share: 1 },
  { name: "orders in flight", share: 1 }
] as const

type StepName = (typeof steps)[number]["name"]

/** Is told how much of the time is over, in percent, and what is going on. */
export type OnProgress = (percent: number, note: string) => Effect.Effect<void>

/** Begins the step, which looks at `total` things. Tell what comes of it how many were looked at. */
export const beginStep = Effect.fnUntraced(function* (onProgress: OnProgress, name: StepName, total = 1) {
  const index = steps.findIndex((step) => step.name === name)
  const before = steps.slice(0, index).reduce((sum, { share }) => sum + share, 0)
  const share = steps[index]?.share ?? 0
  let done = 0
  const advance = (count: number, part = "") =>
    Effect.suspend(() => {
      done = Math.min(total, done + count)
      return onProgress(
        Math.floor(before + share * (total === 0 ? 0 : done / total)),
        `${index + 1} of ${steps.length}: ${name}${part === "" ? "" : `, ${part}`}`
      )
    })
  yield* advance(0)
  return advance
})
