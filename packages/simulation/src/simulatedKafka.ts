/** Memory Kafka as one process of a run sees it: every call waits at gates, and some are lost. */
import { Kafka, KafkaError, KafkaUnavailable } from "@metka/core/Kafka"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import type { MemoryBroker } from "@metka/core/MemoryBroker"
import { Effect, Stream } from "effect"
import type { FaultInjector } from "./FaultInjector.ts"
import type { Gates } from "./Gates.ts"
import type { Process } from "./Process.ts"

const lost = (operation: string) =>
  new KafkaError({ operation, reason: new KafkaUnavailable({ message: "the connection was lost" }) })

export const simulatedKafka = (
  broker: MemoryBroker,
  gates: Gates,
  faults: FaultInjector,
  process: Process
): Kafka["Service"] => {
  const client = KafkaMemory.connect(broker, process.client)
  const unlessAway = <A>(operation: string, effect: Effect.Effect<A, KafkaError>) =>
    Effect.suspend(() => (faults.isAway("kafka") ? Effect.fail(lost(operation)) : effect))

  return Kafka.of({
    ...client,

    consume: (options) =>
      Stream.fromEffect(gates.arrive(process, "fetch", "before", { passAtOnce: true })).pipe(
        Stream.flatMap((joined) => (joined ? client.consume(options) : Stream.fail(lost("join")))),
        Stream.mapEffect((batch) =>
          Effect.flatMap(gates.arrive(process, "fetch", "after"), (arrived) =>
            arrived ? Effect.succeed(batch) : Effect.fail(lost("fetch"))
          )
        )
      ),

    commit: (group, batch) =>
      Effect.gen(function* () {
        if (!(yield* gates.arrive(process, "offsets", "before"))) return yield* lost("commit")
        yield* client.commit(group, batch)
        if (!(yield* gates.arrive(process, "offsets", "after"))) return yield* lost("commit")
      }),

    publish: (topic, records) =>
      Effect.gen(function* () {
        if (!(yield* gates.arrive(process, "publish", "before"))) return yield* lost("publish")
        const halfWay = gates.arriveHalfWay(process, "publish")
        if (halfWay !== undefined) {
          yield* client.publish(topic, records.slice(0, records.length >> 1))
          yield* gates.strike(process, "publish", "half", halfWay)
          return yield* lost("publish")
        }
        yield* client.publish(topic, records)
        if (!(yield* gates.arrive(process, "publish", "after"))) return yield* lost("publish")
      }),

    ensureTopics: (topics) => unlessAway("ensureTopics", client.ensureTopics(topics)),
    lag: (topic, group) => unlessAway("lag", client.lag(topic, group))
  })
}
