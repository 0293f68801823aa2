/** Follows the orders through the three stages until the marts have all of them. */
import { Kafka, recordsBehind } from "@metka/core/Kafka"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Clock, Effect } from "effect"
import { withProgress } from "./Progress.ts"
import { waitOut } from "./waitOut.ts"

const toGo = (topic: string, group: string) =>
  Effect.flatMap(Kafka, (kafka) => Effect.map(waitOut(kafka.lag(topic, group)), recordsBehind))

/** After so long without movement a person is told where to look. */
const stillMillis = 10_000

/** A stage publishes before it commits: once it has no lag, all it will publish is in the next topic. */
const follow = Effect.fnUntraced(function* (stage: string, topic: string, group: string) {
  const first = yield* toGo(topic, group)
  if (first === 0) return
  yield* withProgress({ label: stage.padEnd(4), total: first, unit: "messages" }, (progress) =>
    Effect.gen(function* () {
      let left = first
      let movedAt = yield* Clock.currentTimeMillis
      while (left > 0) {
        const now = yield* Clock.currentTimeMillis
        const isStill = now - movedAt > stillMillis
        yield* progress.update(Math.max(0, first - left), isStill ? `· nothing moves: does ${stage} run?` : "")
        yield* Effect.sleep("200 millis")
        const before = left
        left = yield* toGo(topic, group)
        if (left !== before) movedAt = now
      }
      yield* progress.update(first)
    })
  )
})

/** Returns the seconds it took. */
export const followUntilDone = Effect.gen(function* () {
  const inputs = inputsOf(yield* Topology)
  const startedAt = yield* Clock.currentTimeMillis
  yield* follow("STG", ...inputs.stg)
  yield* follow("DDS", ...inputs.dds)
  yield* follow("CDM", ...inputs.cdm)
  return ((yield* Clock.currentTimeMillis) - startedAt) / 1_000
})
