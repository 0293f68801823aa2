/** What the auditor does one after the other, for a person who waits. */
import { Effect } from "effect"

export interface Step<Name extends string> {
  readonly name: Name
  /** Of the time, in percent. */
  readonly share: number
}

/** Is told how much of the time is over, in percent, and what is going on. */
export type OnProgress = (percent: number, note: string) => Effect.Effect<void>

/** Begins the step, which looks at `total` things. Tell what comes of it how many were looked at. */
export type BeginStep<Name extends string> = (name: Name, total?: number) => Effect.Effect<Advance>

export type Advance = (count: number, part?: string) => Effect.Effect<void>

export const inSteps = <Name extends string>(
  steps: ReadonlyArray<Step<Name>>,
  onProgress: OnProgress
): BeginStep<Name> =>
  Effect.fnUntraced(function* (name, total = 1) {
    const index = steps.findIndex((step) => step.name === name)
    const before = steps.slice(0, index).reduce((sum, { share }) => sum + share, 0)
    const share = steps[index]?.share ?? 0
    let done = 0
    const advance: Advance = (count, part = "") =>
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
