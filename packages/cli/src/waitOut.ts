/** What a command does while Kafka is away: it says so, and goes on when Kafka is back. */
import type { KafkaError } from "@metka/core/Kafka"
import { retryWhile } from "@metka/core/Outage"
import { Console, Effect } from "effect"

const isAway = ({ reason }: KafkaError): boolean => reason._tag === "KafkaUnavailable"

/** Fails with what waiting does not mend. */
export const waitOut = <A, R>(effect: Effect.Effect<A, KafkaError, R>) =>
  effect.pipe(
    Effect.tapError((error) => (isAway(error) ? Console.error(`Waiting: ${error.message}`) : Effect.void)),
    Effect.retry(retryWhile(isAway))
  )
