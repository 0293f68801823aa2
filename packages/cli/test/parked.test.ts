import { assert, layer } from "@effect/vitest"
import { readParkedOrders } from "@metka/console/ParkedOrders"
import type { Missing } from "@metka/stg/enrich"
import * as StgRepository from "@metka/stg/StgRepository"
import { stgMigrations } from "@metka/stg/StgSchema"
import { atTime } from "@metka/testing/atTime"
import { embedded } from "@metka/testing/databaseLayers"
import { Effect } from "effect"
import { parkedText } from "../src/ParkedOrdersText.ts"

const park = (objectId: number, at: string, missing: Partial<Missing>) =>
  StgRepository.parkOrders([
    { objectId, version: "1", missing: { guests: [], restaurants: [], dishes: [], ...missing }, traceparent: "" }
  ]).pipe(atTime(Date.parse(at)))

layer(embedded(stgMigrations), { excludeTestServices: true, timeout: "1 minute" })("metka parked", (it) => {
  it.effect("says so when nothing waits", () =>
    Effect.gen(function* () {
      assert.strictEqual(parkedText(yield* readParkedOrders(20)), "No order waits for a guest, restaurant or dish.")
    })
  )

  it.effect("lists the oldest first with what each misses, and says how many are left out", () =>
    Effect.gen(function* () {
      yield* park(1371198, "2026-11-24T05:00:00Z", { restaurants: ["r1"], dishes: ["d1", "d2"] })
      yield* park(9, "2026-11-24T04:00:00Z", { guests: ["u1"] })
      yield* park(10, "2026-11-24T06:00:00Z", { guests: ["u2"] })
      assert.strictEqual(
        parkedText(yield* readParkedOrders(2)),
        [
          "order    since                 attempts  next attempt          missing",
          "9        2026-11-24T04:00:00Z  0         2026-11-24T04:00:01Z  guest u1",
          "1371198  2026-11-24T05:00:00Z  0         2026-11-24T05:00:01Z  restaurant r1, dish d1, dish d2",
          "… and 1 more: --limit 3 lists them.",
          "",
          "Load what is missing: npx metka references load FILE. The orders go on within a minute."
        ].join("\n")
      )
      assert.notInclude(parkedText(yield* readParkedOrders(3)), "more:")
    })
  )
})
