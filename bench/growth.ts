/** Where a long run stood from time to time, and what that says of its beginning and its end. */

export interface Sample {
  readonly atSeconds: number
  /** Messages that have gone through all stages. */
  readonly done: number
  /** Memory of the services together, in MiB. */
  readonly memory: number
}

/** When `done` messages were through, between two samples by their line. */
const secondsAt = (samples: ReadonlyArray<Sample>, done: number): number => {
  const index = samples.findIndex((sample) => sample.done >= done)
  const after = samples[index]
  const before = samples[index - 1]
  if (after === undefined) return Number.NaN
  if (before === undefined || after.done === before.done) return after.atSeconds
  return before.atSeconds + ((after.atSeconds - before.atSeconds) * (done - before.done)) / (after.done - before.done)
}

/** Messages a second between two counts. */
export const rateBetween = (samples: ReadonlyArray<Sample>, from: number, to: number): number =>
  (to - from) / (secondsAt(samples, to) - secondsAt(samples, from))

/** The most memory between two counts. */
export const peakBetween = (samples: ReadonlyArray<Sample>, from: number, to: number): number =>
  Math.max(...samples.filter(({ done }) => done >= from && done <= to).map(({ memory }) => memory))
