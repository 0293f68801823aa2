/** Publishing where no batch of a pipeline stands behind: what the broker refuses must not hold the others back. */
import { Effect } from "effect"
import type { Kafka, KafkaError, OutgoingRecord } from "./Kafka.ts"
import type { BadRecord } from "./messages/BadRecord.ts"
import { refusalOf } from "./Outage.ts"
import { publish } from "./publish.ts"

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
): Effect.Effect<ReadonlyArray<Refused<A>>, KafkaError, Kafka> => {
  const [first] = items
  if (first === undefined) return Effect.succeed([])
  return publish(topic, items.map(toRecord)).pipe(
    Effect.as<ReadonlyArray<Refused<A>>>([]),
    Effect.catch((error) => {
      const refusal = refusalOf(error)
      if (refusal === undefined) return Effect.fail(error)
      if (items.length === 1) return Effect.succeed([{ item: first, refusal }])
      const middle = items.length >> 1
      const half = (part: ReadonlyArray<A>) => publishIsolated(topic, part, toRecord)
      return Effect.zipWith(half(items.slice(0, middle)), half(items.slice(middle)), (a, b) => [...a, ...b])
    })
  )
}
