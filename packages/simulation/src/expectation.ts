/** What a run must end with, by the oracle. */
import type { MemoryBroker } from "@metka/core/MemoryBroker"
import { expectedState, type ExpectedState } from "@metka/testing/oracle/expectedState"
import { enrichmentsOf } from "./enrichments.ts"
import type { Plan } from "./Plan.ts"
import { type Run, topics } from "./simulate.ts"

export const recordsOf = (broker: MemoryBroker, topic: string) => broker.topic(topic).partitions.flat()

/** Redis when all events have happened. */
export const finalReferences = (plan: Plan): ReadonlyMap<string, string> => {
  const documents = new Map(plan.references)
  for (const event of plan.events) if (event._tag === "Reference") documents.set(event.id, event.json)
  return documents
}

export const expectationOf = (run: Run): ExpectedState =>
  expectedState({
    deliveries: recordsOf(run.broker, topics.orders),
    references: finalReferences(run.plan),
    enrichedWith: enrichmentsOf(run.plan, recordsOf(run.broker, topics.stgOrders)),
    rules: run.rules
  })
