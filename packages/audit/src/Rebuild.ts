/**
 * Marts, ledger and tags as they must be, made anew beside the live ones and switched in: only rows that differ are
 * written, so that nothing changes where nothing was wrong, and indexes, grants and sequences are what they were.
 *
 * All of it is one transaction at READ COMMITTED. While the shadow is made and compared, CDM goes on. Then the rules are
 * locked, which waits for the batches under way and holds up the next ones, and what was found wrong is read again and
 * mended: an order that moved on meanwhile is newer than the shadow, and stays.
 */
import { lockRules } from "@metka/cdm/TagRepository"
import { transaction } from "@metka/core/transaction"
import { Effect, Schema } from "effect"
import { mend, type Mended } from "./mend.ts"
import { rebuildSteps } from "./RebuildSteps.ts"
import { fillShadow, type Source } from "./Shadow.ts"
import { inSteps, type OnProgress } from "./Steps.ts"
import { findWrongRows } from "./wrongRows.ts"

export interface RebuildOptions {
  readonly from: Source
  /** Find out what would change, and roll it back. */
  readonly dryRun: boolean
  readonly onProgress: OnProgress
}

export const nothing: Mended = {
  ledger: 0,
  names: 0,
  guests: 0,
  productCounters: 0,
  categoryCounters: 0,
  tagsRestored: 0,
  tagsUpdated: 0,
  tagsGiven: 0,
  tagsTaken: 0
}

/** Ends the transaction of a dry run. */
class RolledBack extends Schema.TaggedError<RolledBack>()("RolledBack", {}) {}

/** Returns how many rows of each table were wrong. */
export const rebuild = Effect.fnUntraced(function* ({ dryRun, from, onProgress }: RebuildOptions) {
  let mended = nothing
  const beginStep = inSteps(rebuildSteps[from], onProgress)
  yield* transaction(
    Effect.gen(function* () {
      const names = yield* fillShadow(from, beginStep)
      if (!(yield* findWrongRows(names, beginStep))) return
      yield* beginStep("mending the ledger")
      yield* lockRules
      mended = yield* mend(names, beginStep)
      if (dryRun) yield* new RolledBack()
    })
  ).pipe(Effect.catchTag("RolledBack", () => Effect.void))
  yield* onProgress(100, "done")
  return mended
})
