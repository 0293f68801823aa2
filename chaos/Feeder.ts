/** The source of orders: a burst every second, whatever happens to the rest of the system. */
import type { Kafka } from "@metka/core/Kafka"
import { retryWhile } from "@metka/core/Outage"
import type { ReferenceData } from "@metka/core/ReferenceData"
import type { Topology } from "@metka/core/Topology"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { type OutgoingMessage, shuffle } from "@metka/testing/messyStream/messyStream"
import { Effect, Fiber, Schedule } from "effect"
import type { Source } from "./system.ts"

export interface Feeder {
  /** What Kafka has acknowledged. */
  readonly sent: () => ReadonlyArray<OutgoingMessage>
  readonly bursts: () => number
  /** Ends the feeding, once all was sent and every reference is there. */
  readonly finish: Effect.Effect<void, never, Kafka | ReferenceData | Topology>
}

/** However long Kafka or Redis is away. */
const retried = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, never, R> =>
  Effect.orDie(
    Effect.retry(
      effect,
      retryWhile(() => true)
    )
  )

/** All of it once, and then again and again in other orders. */
function* endlessly({ deliveries }: Source): Generator<OutgoingMessage> {
  yield* deliveries
  for (let round = 1; ; round++) yield* shuffle(round, deliveries)
}

/** Feeds with the scope. References that come late come after the first half of the messages. */
export const startFeeder = Effect.fnUntraced(function* (source: Source, messagesPerSecond: number) {
  const messages = endlessly(source)
  const sent: Array<OutgoingMessage> = []
  let bursts = 0
  let areAllReferencesThere = false
  let isFinishing = false

  const sendNext = Effect.fnUntraced(function* (count: number) {
    const burst: Array<OutgoingMessage> = []
    while (burst.length < count) burst.push(messages.next().value)
    yield* retried(send(burst))
    // Not spread: the last burst may be greater than a call can have arguments.
    for (const message of burst) sent.push(message)
    bursts += 1
  })
  const loadLateReferences = Effect.gen(function* () {
    yield* retried(loadReferences(source.lateReferences))
    areAllReferencesThere = true
  })

  const feeding = yield* sendNext(messagesPerSecond).pipe(
    Effect.andThen(
      Effect.suspend(() =>
        !areAllReferencesThere && sent.length * 2 >= source.deliveries.length ? loadLateReferences : Effect.void
      )
    ),
    Effect.repeat({ schedule: Schedule.fixed("1 second"), while: () => !isFinishing }),
    Effect.forkScoped
  )
  const feeder: Feeder = {
    sent: () => sent,
    bursts: () => bursts,
    finish: Effect.gen(function* () {
      isFinishing = true
      yield* Fiber.join(feeding)
      const left = source.deliveries.length - sent.length
      if (left > 0) yield* sendNext(left)
      if (!areAllReferencesThere) yield* loadLateReferences
    })
  }
  return feeder
})
