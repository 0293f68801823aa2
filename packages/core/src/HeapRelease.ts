/**
 * Gives memory back after a backlog. V8 collects what a backlog leaves behind only as further work allocates, and at 5
 * orders a minute that takes hours; on a small machine somebody else needs the 30 MiB. Needs Node's `--expose-gc`.
 */
import { Effect } from "effect"

/** A batch of more is part of a backlog. */
const backlogRecords = 100
/** No stage of the process has had such a batch for so long: the backlog is over. */
const pauseMillis = 2_000
/** The process stands still meanwhile, for some 40 ms. */
const leastApartMillis = 60_000

/** There is one heap, whatever stages the process runs. */
let pending: NodeJS.Timeout | undefined
let releasedAt = -Infinity

const release = (): void => {
  pending = undefined
  releasedAt = performance.now()
  globalThis.gc?.({ execution: "sync", type: "major", flavor: "last-resort" })
}

/** To be told of every batch that is done. */
export const releaseHeapAfter = (records: number): Effect.Effect<void> =>
  Effect.sync(() => {
    if (globalThis.gc === undefined || records <= backlogRecords) return
    clearTimeout(pending)
    const untilAllowed = releasedAt + leastApartMillis - performance.now()
    pending = setTimeout(release, Math.max(pauseMillis, untilAllowed)).unref()
  })
