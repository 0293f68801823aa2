/** Sends what a source and its loader would, and holds what the services made of it against the oracle. */
import { Kafka, type OutgoingRecord } from "@metka/core/Kafka"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import { Effect } from "effect"
import { eventually } from "./eventually.ts"
import type { MessyStream, OutgoingMessage } from "./messyStream/messyStream.ts"
import { actualState } from "./oracle/actual.ts"
import { actualStgMessages } from "./oracle/actualStgMessages.ts"
import { diffState } from "./oracle/diffState.ts"
import { type ExpectedState, expectedState } from "./oracle/expectedState.ts"
import { topicRecords } from "./topicRecords.ts"

const sendSize = 2_000

/** Sends order messages into the orders topic, in this order. */
export const send = Effect.fnUntraced(function* (messages: ReadonlyArray<OutgoingMessage>) {
  const kafka = yield* Kafka
  const { orders } = yield* Topology
  const records = messages.map(({ key, value }): OutgoingRecord => ({ key, value, headers: {} }))
  for (let start = 0; start < records.length; start += sendSize) {
    yield* kafka.publish(orders, records.slice(start, start + sendSize))
  }
})

export const loadReferences = Effect.fnUntraced(function* (documents: ReadonlyMap<string, string>) {
  const references = yield* ReferenceData
  yield* references.load([...documents].map(([id, json]) => ({ id, json })))
})

/** What the oracle makes of all that the orders topic holds. */
export const oracle = Effect.fnUntraced(function* (
  references: ReadonlyMap<string, string>,
  rules: MessyStream["rules"]
) {
  const { orders } = yield* Topology
  return expectedState({ deliveries: yield* topicRecords(orders), references, rules })
})

/** Where the database and `stg-service-orders` differ from what is expected; empty when nothing does. */
export const differences = Effect.fnUntraced(function* (expected: ExpectedState) {
  const { stgOrders } = yield* Topology
  const stgMessages = actualStgMessages(yield* topicRecords(stgOrders))
  return diffState(expected, { ...(yield* actualState), stgMessages })
})

/** Waits until the state is what the oracle says; parked orders need a moment to find the last of their references. */
export const endsAs = (expected: ExpectedState) =>
  eventually("the state is the oracle's", differences(expected), "20 seconds")
