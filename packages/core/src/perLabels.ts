/** Metrics with labels, made once for each set of their values and updated without an effect each. */
import { Effect } from "effect"
import type { Context } from "effect"

/** One metric for each set of label values; made once, since a metric computes its key when it is made. */
export const perLabels = <M>(make: (...labels: ReadonlyArray<string>) => M) => {
  const made = new Map<string, M>()
  return (...labels: ReadonlyArray<string>): M => {
    const key = labels.join("\u0000")
    let metric = made.get(key)
    if (metric === undefined) {
      metric = make(...labels)
      made.set(key, metric)
    }
    return metric
  }
}

/** Updates metrics by their unsafe functions, in one effect for all of them. */
export const withMetrics = (record: (context: Context.Context<never>) => void): Effect.Effect<void> =>
  Effect.map(Effect.context(), record)
