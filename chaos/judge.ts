/** Whether the system is exactly where it must be, however it got there. */
import { Topology } from "@metka/core/Topology"
import { differences, oracle } from "@metka/testing/againstOracle"
import { tagsByTable, tagsByTopic } from "@metka/testing/guestTags"
import { finalReferences, type OutgoingMessage } from "@metka/testing/messyStream/messyStream"
import { metkaMain, runProcess } from "@metka/testing/processes"
import { settled } from "@metka/testing/settled"
import { topicRecords } from "@metka/testing/topicRecords"
import { Effect } from "effect"
import type { System } from "./system.ts"

const patience = "120 seconds"

/** What `metka verify` says, unless all is well. */
const auditorsDifferences = Effect.fnUntraced(function* ({ environment }: System) {
  const { code, stderr, stdout } = yield* runProcess([metkaMain, "verify"], environment)
  return code === 0 ? [] : [`metka verify ended with ${code}:\n${stdout}${stderr}`]
})

const deadlock = /.*(40P01|deadlock detected).*/

const deadlocks = Effect.fnUntraced(function* ({ fleet, servers }: System) {
  const logs = [...fleet.logs(), ["postgres", yield* servers.postgres.log] as const]
  return logs.flatMap(([name, log]) => {
    const line = deadlock.exec(log)
    return line === null ? [] : [`deadlock in the log of ${name}: ${line[0]}`]
  })
})

/** Tells `guest-tags` and `cdm.user_tags` apart. */
const unannounced = Effect.gen(function* () {
  const byTopic = yield* tagsByTopic
  const byTable = yield* tagsByTable
  return JSON.stringify(byTopic) === JSON.stringify(byTable)
    ? []
    : [`guest-tags say ${byTopic.length} tags, cdm.user_tags ${byTable.length}, or others`]
})

const textOf = ({ value }: { readonly value: Uint8Array | null }) => Buffer.from(value ?? []).toString("latin1")

const countedByText = (messages: ReadonlyArray<{ readonly value: Uint8Array | null }>) =>
  messages.reduce((counts, message) => {
    const text = textOf(message)
    return counts.set(text, (counts.get(text) ?? 0) + 1)
  }, new Map<string, number>())

/**
 * Messages that Kafka acknowledged and does not hold: the oracle goes by what the topic holds, and knows nothing of them.
 * A copy that a retry left may stand in for one that is lost.
 */
export const lostByKafka = Effect.fnUntraced(function* (acknowledged: ReadonlyArray<OutgoingMessage>) {
  const { orders } = yield* Topology
  const held = countedByText(yield* topicRecords(orders))
  let lost = 0
  for (const [text, count] of countedByText(acknowledged)) lost += Math.max(0, count - (held.get(text) ?? 0))
  return lost === 0 ? [] : [`${lost} of ${acknowledged.length} acknowledged messages are not in the topic`]
})

/** Waits until nothing is on its way any more, and lists what is not as the oracle says; all references are there. */
export const divergences = Effect.fnUntraced(function* (system: System) {
  const expected = yield* oracle(finalReferences(system.source), system.source.rules)
  yield* settled(expected.parked.length, patience)
  return {
    expected,
    found: [
      ...(yield* differences(expected)),
      ...(yield* auditorsDifferences(system)),
      ...(yield* unannounced),
      ...(yield* deadlocks(system))
    ]
  }
})
