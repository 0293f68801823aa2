/** What tests may do to Kafka in memory. */
import { Context } from "effect"
import type { Effect } from "effect"

/** Makes the memory broker misbehave. The faults called "next" happen once. */
export class KafkaFaults extends Context.Service<
  KafkaFaults,
  {
    /** Every operation fails, and consumers wait, until `makeAvailable`. */
    readonly makeUnavailable: Effect.Effect<void>
    readonly makeAvailable: Effect.Effect<void>
    /** Every member of the group starts again from the committed offsets. */
    rebalance(group: string): Effect.Effect<void>
    /** Delivers a partition to the group again from `offset`; what is committed stays. */
    redeliver(from: {
      readonly topic: string
      readonly group: string
      readonly partition: number
      readonly offset: number
    }): Effect.Effect<void>
    /** The next commit is applied, and yet fails with `KafkaUnavailable`. */
    readonly loseNextCommitReply: Effect.Effect<void>
    /** The next publish writes its first `written` records and fails with `KafkaUnavailable`. */
    breakNextPublishAfter(written: number): Effect.Effect<void>
  }
>()("metka/core/KafkaFaults") {}
