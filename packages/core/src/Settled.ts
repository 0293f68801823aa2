/** What came of a batch, and how long it took: what is told of it when it is done. */
import { Duration } from "effect"
import type { DeadLetter } from "./DeadLetters.ts"

export const outcomes = ["accepted", "stale", "duplicate", "parked"] as const

/** How many records of a batch ended how; what is absent is 0. Dead letters are counted by themselves. */
export type Outcomes = { readonly [O in (typeof outcomes)[number]]?: number }

/** What a batch goes through. */
export const steps = ["decode", "enrich", "store", "publish", "commit"] as const

/** How long each step of a batch took; what is absent did not happen. */
export type Took = { readonly [S in (typeof steps)[number]]?: Duration.Duration }

/** A batch, or a part of one, that is stored and published. */
export interface Settled {
  readonly outcomes: Outcomes
  readonly letters: ReadonlyArray<DeadLetter>
  readonly took: Took
}

/** Two halves of a batch taken together. */
export const combineSettled = (one: Settled, other: Settled): Settled => ({
  outcomes: combine(outcomes, one.outcomes, other.outcomes, (a, b) => a + b),
  letters: [...one.letters, ...other.letters],
  took: combine(steps, one.took, other.took, Duration.sum)
})

const combine = <K extends string, A>(
  keys: ReadonlyArray<K>,
  one: { readonly [Key in K]?: A },
  other: { readonly [Key in K]?: A },
  sum: (one: A, other: A) => A
): { readonly [Key in K]?: A } => {
  const both: { [Key in K]?: A } = {}
  for (const key of keys) {
    const [a, b] = [one[key], other[key]]
    const value = a === undefined || b === undefined ? (a ?? b) : sum(a, b)
    if (value !== undefined) both[key] = value
  }
  return both
}
