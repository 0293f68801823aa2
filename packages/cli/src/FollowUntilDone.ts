/** Follows the orders through the three stages until the marts have all of them. */
import { Kafka } from "@metka/core/Kafka"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Clock, Effect } from "effect"
import { withProgress } from "./Progress.ts"
import { waitOut } from "./waitOut.ts"

/** Records that a group has not committed yet, and the end of the topic. */
const lagOf = Effect.fnUntraced(function* (topic: string, group: string) {
  const kafka = yield* Kafka
  const partitions = yield* waitOut(kafka.lag(topic, group))
  return {
    left: partitions.reduce((sum, { committed, end }) => sum + Math.max(0, end - committed), 0),
    end: partitions.reduce((sum, { end }) => sum + end, 0)
  }
})

/** After so long without movement a person is told where to look. */
const stillMillis = 10_000

/** A stage publishes before it commits: once it has no lag, all it will publish is in the next topic. */
const follow = Effect.fnUntraced(function* (stage: string, topic: string, group: string) {
  const first = yield* lagOf(topic, group)
  if (first.left === 0) return
  yield* withProgress({ label: stage.padEnd(4), total: first.left, unit: "messages" }, (progress) =>
    Effect.gen(function* () {
      let { left } = first
      let movedAt = yield* Clock.currentTimeMillis
      while (left > 0) {
        const now = yield* Clock.currentTimeMillis
        const isStill = now - movedAt > stillMillis
        yield* progress.update(Math.max(0, first.left - left), isStill ? `· nothing moves: does ${stage} run?` : "")
        yield* Effect.sleep("200 millis")
        const before = left
        left = (yield* lagOf(topic, group)).left
        if (left !== before) movedAt = now
      }
      yield* progress.update(first.left)
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
