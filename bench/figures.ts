/** What a measurement says: a value, its unit, and where there is one the target it is held to. */
import { median } from "./statistics.ts"

export const sectionNames = ["history", "marts", "live", "idle", "growth", "embedded", "telemetry"] as const
export type SectionName = (typeof sectionNames)[number]

export interface Target {
  readonly bound: "at most" | "at least"
  readonly value: number
  /** A ratio of two values of one run holds on any machine; an absolute value holds on the one it was set for. */
  readonly kind: "ratio" | "absolute"
}

export interface Figure {
  readonly id: string
  readonly figure: string
  readonly unit: string
  /** The median, where there are several. */
  readonly value: number
  readonly min: number
  readonly max: number
  readonly target?: Target
  /** In ratio to the same of the one load in SQL: the median of the rounds' ratios. */
  readonly toLoad?: number
}

export const atMost = (value: number, kind: Target["kind"] = "absolute"): Target => ({ bound: "at most", value, kind })
export const atLeast = (value: number, kind: Target["kind"] = "absolute"): Target => ({
  bound: "at least",
  value,
  kind
})

/** A figure from its values, one a round. */
export const figureOf = (
  id: string,
  figure: string,
  unit: string,
  values: ReadonlyArray<number>,
  target?: Target
): Figure => ({
  id,
  figure,
  unit,
  value: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
  ...(target === undefined ? {} : { target })
})

/** A value that is not a number meets nothing. */
export const isMet = ({ bound, value: limit }: Target, value: number): boolean =>
  bound === "at most" ? value <= limit : value >= limit

export const missed = (figures: ReadonlyArray<Figure>, kind: Target["kind"]): ReadonlyArray<Figure> =>
  figures.filter(({ target, value }) => target?.kind === kind && !isMet(target, value))
