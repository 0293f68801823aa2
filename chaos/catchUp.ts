/** Waits until every stage has committed all that its topic holds. */
import { lags } from "@metka/testing/settled"
import { Clock, Effect, Schedule, Schema } from "effect"
import type { Feeder } from "./Feeder.ts"

/** The system did not catch up. */
export class StaysBehind extends Schema.TaggedError<StaysBehind>()("StaysBehind", { message: Schema.String }) {}

const giveUpAfterMillis = 90_000

/**
 * The time at which no stage had anything left to do: bursts of messages have pauses between them in which a system
 * that keeps up has none. At least one burst must have come from now on: where nothing comes, nothing is left to do
 * for a system that stands still either. A broker that cannot be asked now is asked again.
 * @param saw is told what is left, each time
 */
export const untilCaughtUp = Effect.fnUntraced(function* (
  { bursts }: Feeder,
  saw: (left: string) => Effect.Effect<void>
) {
  const before = bursts()
  const startedAt = yield* Clock.currentTimeMillis
  const look = Effect.gen(function* () {
    const isFed = bursts() > before + 1
    const { cdm, dds, stg } = yield* lags
    const left = `STG ${stg} DDS ${dds} CDM ${cdm} to go`
    yield* saw(left)
    const now = yield* Clock.currentTimeMillis
    if (isFed && stg + dds + cdm === 0) return now
    return yield* new StaysBehind({ message: `${Math.round((now - startedAt) / 1_000)} s later: ${left}` })
  })
  return yield* Effect.retry(look, Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: giveUpAfterMillis })))
})
