/** What a rebuild does one after the other, and what each takes of the time. */
import type { BeginStep } from "./Steps.ts"

/** Of 150,000 orders; between a rebuild that finds nothing wrong, and one that finds the marts empty. */
export const rebuildSteps = {
  stg: [
    { name: "orders of STG", share: 62 },
    { name: "orders of the vault", share: 11 },
    { name: "comparing the ledger", share: 3 },
    { name: "comparing counters", share: 6 },
    { name: "comparing tags", share: 2 },
    { name: "mending the ledger", share: 8 },
    { name: "mending counters", share: 6 },
    { name: "mending tags", share: 2 }
  ],
  vault: [
    { name: "orders of the vault", share: 66 },
    { name: "comparing the ledger", share: 3 },
    { name: "comparing counters", share: 7 },
    { name: "comparing tags", share: 2 },
    { name: "mending the ledger", share: 9 },
    { name: "mending counters", share: 10 },
    { name: "mending tags", share: 3 }
  ]
} as const

export type BeginRebuildStep = BeginStep<(typeof rebuildSteps)["stg"][number]["name"]>
