/** Memory Redis as one process of a run sees it. */
import { ReferenceData, ReferenceUnavailable } from "@metka/core/ReferenceData"
import { Effect } from "effect"
import type { Gates } from "./Gates.ts"
import type { Process } from "./Process.ts"

const lost = new ReferenceUnavailable({ message: "the connection was lost" })

export const simulatedReferences = (
  references: ReferenceData["Service"],
  gates: Gates,
  process: Process
): ReferenceData["Service"] =>
  ReferenceData.of({
    ...references,
    find: (guestIds, restaurantIds) =>
      Effect.gen(function* () {
        if (!(yield* gates.arrive(process, "lookup", "before"))) return yield* lost
        const found = yield* references.find(guestIds, restaurantIds)
        if (!(yield* gates.arrive(process, "lookup", "after"))) return yield* lost
        return found
      })
  })
