/** Waits until what has come so far is through all stages. */
import { Kafka } from "@metka/core/Kafka"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Clock, Effect, Schedule, Schema } from "effect"
import type { Feeder } from "./Feeder.ts"

/** The system did not catch up. */
export class StaysBehind extends Schema.TaggedError<StaysBehind>()("StaysBehind", { message: Schema.String }) {}

const giveUpAfter = "3 minutes"

/** Asks again until the answer is 0; a broker that cannot be asked now is asked again too. */
const untilNothingLeft = <E, R>(stage: string, left: Effect.Effect<number, E, R>) =>
  left.pipe(
    Effect.flatMap((count) =>
      count === 0
        ? Effect.void
        : Effect.fail(new StaysBehind({ message: `${stage} still has ${count} to go after ${giveUpAfter}` }))
    ),
    Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: giveUpAfter })))
  )

/** Waits until the group has committed all that the topic holds when it is first asked. */
const untilCommitted = Effect.fnUntraced(function* (
  stage: string,
  input: readonly [topic: string, group: string],
  saw: (left: string) => Effect.Effect<void>
) {
  const kafka = yield* Kafka
  let ends: ReadonlyMap<number, number> | undefined
  const left = Effect.gen(function* () {
    const partitions = yield* kafka.lag(...input)
    const wanted = (ends ??= new Map(partitions.map(({ end, partition }) => [partition, end])))
    const count = partitions.reduce(
      (sum, { committed, partition }) => sum + Math.max(0, (wanted.get(partition) ?? 0) - committed),
      0
    )
    yield* saw(`${stage} has ${count} to go`)
    return count
  })
  yield* untilNothingLeft(stage, left)
})

/**
 * The time at which everything was in the marts that had come by now, and one burst more: where nothing comes, nothing
 * is left to do for a system that stands still either. A stage publishes before it commits, so what it has committed
 * is in the topic of the next one by then.
 * @param saw is told what is left, each time
 */
export const untilCaughtUp = Effect.fnUntraced(function* (
  { bursts }: Feeder,
  saw: (left: string) => Effect.Effect<void>
) {
  const inputs = inputsOf(yield* Topology)
  const before = bursts()
  yield* untilNothingLeft(
    "the source",
    Effect.sync(() => (bursts() > before + 1 ? 0 : 1))
  )
  yield* untilCommitted("STG", inputs.stg, saw)
  yield* untilCommitted("DDS", inputs.dds, saw)
  yield* untilCommitted("CDM", inputs.cdm, saw)
  return yield* Clock.currentTimeMillis
})
