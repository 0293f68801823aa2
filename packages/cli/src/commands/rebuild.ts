/** `metka rebuild`: marts, ledger and tags made anew, while the services run. */
import type { Mended } from "@metka/audit/mend"
import { rebuild as rebuildTables } from "@metka/audit/Rebuild"
import * as Database from "@metka/core/Database"
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { withProgress } from "../Progress.ts"

const described: Readonly<Record<keyof Mended, string>> = {
  ledger: "orders in the ledger (cdm.order_contributions)",
  names: "names of dishes and categories",
  guests: "app's ids of guests (cdm.guests)",
  productCounters: "counters of dishes (cdm.user_product_counters)",
  categoryCounters: "counters of categories (cdm.user_category_counters)",
  tagsRestored: "tags made what guest-tags was told (cdm.user_tags)",
  tagsUpdated: "tags with another count or rule version (cdm.user_tags)",
  tagsGiven: "tags given, announced on guest-tags by the CDM service",
  tagsTaken: "tags taken, announced on guest-tags by the CDM service"
}

const isPart = (name: string): name is keyof Mended => name in described

const linesOf = (mended: Mended): ReadonlyArray<string> =>
  Object.keys(described)
    .filter(isPart)
    .flatMap((part) => (mended[part] === 0 ? [] : [`${String(mended[part]).padStart(8)}  ${described[part]}`]))

export const rebuild = Command.make(
  "rebuild",
  {
    from: Flag.Literals("from", ["stg", "vault"]).pipe(
      Flag.withDescription("Where the truth is: the stored orders, or the vault"),
      Flag.withDefault("stg")
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Print what would change and change nothing"),
      Flag.withDefault(false)
    )
  },
  ({ dryRun, from }) =>
    Effect.gen(function* () {
      const mended = yield* withProgress({ label: "rebuild", total: 100, unit: "%" }, (progress) =>
        rebuildTables({ from, dryRun, onProgress: progress.update })
      )
      const lines = linesOf(mended)
      if (lines.length === 0) return yield* Console.log("Nothing was wrong, nothing was changed.")
      yield* Console.log(dryRun ? "Would be changed:" : "Changed:")
      for (const line of lines) yield* Console.log(line)
      if (dryRun) yield* Console.log("Nothing was changed (--dry-run).")
    }).pipe(Effect.provide(Database.layer("metka rebuild")))
).pipe(Command.withDescription("Make marts, ledger and tags anew from STG or the vault; writes only what was wrong"))
