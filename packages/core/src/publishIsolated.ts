/** Publishing where no batch of a pipeline stands behind: what the broker refuses must not hold the others back. */
import { Effect } from "effect"
import { Kafka, type KafkaError, type OutgoingRecord } from "./Kafka.ts"
import type { BadRecord } from "./messages/BadRecord.ts"
import { refusalOf } from "./Outage.ts"

/** An item whose record the broker refuses for its size. */
export interface Refused<A> {
  readonly item: A
  readonly refusal: BadRecord
}

/** Sends a record for every item; halves what is refused until it stands alone. Fails on outages only. */
export const publishIsolated = <A>(
  topic: string,
  items: ReadonlyArray<A>,
  toRecord: (item: A) => OutgoingRecord
): Effect.Effect<ReadonlyArray<Refused<A>>, KafkaError, Kafka> =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const send = (part: ReadonlyArray<A>): Effect.Effect<ReadonlyArray<Refused<A>>, KafkaError> => {
      const [first] = part
      if (first === undefined) return Effect.succeed([])
      return kafka.publish(topic, part.map(toRecord)).pipe(
        Effect.as<ReadonlyArray<Refused<A>>>([]),
        Effect.catch((error) => {
          const refusal = refusalOf(error)
          if (refusal === undefined) return Effect.fail(error)
          if (part.length === 1) return Effect.succeed([{ item: first, refusal }])
          const middle = part.length >> 1
          return Effect.zipWith(send(part.slice(0, middle)), send(part.slice(middle)), (a, b) => [...a, ...b])
        })
      )
    }
    return yield* send(items)
  })
