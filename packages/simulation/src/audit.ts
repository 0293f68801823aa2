/** Holds everything that a run has left against what it must have left. */
import type { Difference } from "@metka/audit/Difference"
import { assumeInFlight, lookAgain } from "@metka/audit/LookAgain"
import { verify } from "@metka/audit/Verify"
import { Kafka } from "@metka/core/Kafka"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { header } from "@metka/core/messages/headers"
import { Topology } from "@metka/core/Topology"
import { actualState } from "@metka/testing/oracle/actual"
import { actualStgMessages } from "@metka/testing/oracle/actualStgMessages"
import { diffState } from "@metka/testing/oracle/diffState"
import type { ExpectedState } from "@metka/testing/oracle/expectedState"
import { Effect } from "effect"
import { acceptNewerNames } from "./acceptNewerNames.ts"
import { checkTags } from "./checkTags.ts"
import { expectationOf, recordsOf } from "./expectation.ts"
import { type Run, topics } from "./simulate.ts"

const differenceText = ({ check, is, order, shouldBe, table, what }: Difference): string =>
  `verify, ${check} in ${table}: order ${order}, ${what}: is ${is}, should be ${shouldBe}`

const everyDifference = { most: Number.POSITIVE_INFINITY, onProgress: () => Effect.void }

/** What `metka verify` finds while orders are on their way, which must be nothing. */
export const verifyMidway = Effect.gen(function* () {
  const { differences } = yield* verify({ ...everyDifference, fateOf: assumeInFlight })
  return differences.map((difference) => `midway: ${differenceText(difference)}`)
})

/** What `metka verify` says of a run at rest: no difference, and orders stand as the oracle says. */
const verifyAtRest = Effect.fnUntraced(function* (run: Run, expected: ExpectedState) {
  const { differences, openDeadLetters, orders } = yield* verify({ ...everyDifference, fateOf: lookAgain }).pipe(
    Effect.provideService(Kafka, KafkaMemory.connect(run.broker)),
    Effect.provideService(Topology, run.fleet.topology)
  )
  const counted = JSON.stringify({ ...orders, openDeadLetters })
  const due = JSON.stringify({
    total: expected.stgOrderEvents.length,
    withoutStg: 0,
    parked: expected.parked.length,
    inFlight: 0,
    deadLetters: 0,
    openDeadLetters: expected.deadLetters.length
  })
  return [
    ...differences.map(differenceText),
    ...(counted === due ? [] : [`verify counts otherwise: ${counted}, expected ${due}`])
  ]
})

/** Every record of a version of an order says the same: a version is enriched once, and published again as it was. */
const checkSameBytes = (run: Run, topic: string): ReadonlyArray<string> => {
  const first = new Map<string, string>()
  const problems: Array<string> = []
  for (const { headers, key, value } of recordsOf(run.broker, topic)) {
    const others = [...headers].filter(([name]) => name !== header.traceparent)
    const version = Buffer.from(headers.get(header.orderVersion) ?? []).toString()
    const said = JSON.stringify([key, value, ...others].map(String))
    const before = first.get(version)
    if (before === undefined) first.set(version, said)
    else if (before !== said) problems.push(`${topic}: version ${version} was published with two contents`)
  }
  return problems
}

/** The state a run has ended in, and what is wrong with it; nothing, if all is well. */
export const audit = Effect.fnUntraced(function* (run: Run) {
  const stgMessages = actualStgMessages(recordsOf(run.broker, topics.stgOrders))
  const actual = yield* actualState
  const expected = expectationOf(run)
  const problems = [
    ...diffState(acceptNewerNames(expected, actual), { ...actual, stgMessages }),
    ...(yield* verifyAtRest(run, expected)),
    ...(yield* checkTags(run)),
    ...checkSameBytes(run, topics.stgOrders),
    ...checkSameBytes(run, topics.cdmStats)
  ]
  return { problems, state: actual }
})
