/** The Kafka port inside the process, on the memory broker, and the faults that tests switch on. */
import { Clock, Context, Effect, Layer, Stream } from "effect"
import {
  illegalGeneration,
  Kafka,
  KafkaError,
  KafkaUnavailable,
  offsetsOf,
  type RecordBatch,
  RecordTooLarge
} from "./Kafka.ts"
import { KafkaFaults } from "./KafkaFaults.ts"
import { MemoryBroker } from "./MemoryBroker.ts"

const unavailable = (operation: string, message: string) =>
  new KafkaError({ operation, reason: new KafkaUnavailable({ message }) })

/**
 * A process of its own at a memory broker: it may commit only for partitions that its own members hold.
 * @param client names it to `MemoryBroker.expire` and `readmit`
 */
export const connect = (broker: MemoryBroker, client: symbol = Symbol("client")): Kafka["Service"] => {
  const whenAvailable = <A>(operation: string, effect: Effect.Effect<A, KafkaError>) =>
    Effect.suspend(() =>
      broker.available ? effect : Effect.fail(unavailable(operation, "the broker is not available"))
    )

  return Kafka.of({
    consume: ({ group, maxRecords, onAssigned, onFetching, topic }) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const member = yield* Effect.acquireRelease(
            Effect.sync(() => broker.join(group, topic, client)),
            (member) => Effect.sync(() => broker.leave(member))
          )
          if (onFetching !== undefined) yield* onFetching(undefined)
          /** The generation whose partitions were told of. */
          let told = 0
          const goOnAt = (generation: number) => (offsets: ReadonlyMap<number, number>) =>
            whenAvailable(
              "commit",
              Effect.suspend(() =>
                broker.goOnAt(member, generation, offsets) ? Effect.void : Effect.fail(illegalGeneration(group, topic))
              )
            )
          const next: Effect.Effect<RecordBatch> = Effect.suspend(() => {
            const generation = broker.generation(group)
            if (onAssigned !== undefined && told !== generation) {
              return onAssigned({ partitions: [...member.positions.keys()], goOnAt: goOnAt(generation) }).pipe(
                Effect.andThen(Effect.sync(() => (told = generation))),
                Effect.andThen(next)
              )
            }
            const batch = broker.poll(member, maxRecords)
            return batch === undefined ? Effect.andThen(member.ready.await, next) : Effect.succeed(batch)
          })
          return Stream.fromEffectRepeat(next)
        })
      ),

    commit: (group, batch) =>
      whenAvailable(
        "commit",
        Effect.suspend(() =>
          broker.commit(client, group, batch.topic, batch.generation, offsetsOf(batch))
            ? Effect.void
            : Effect.fail(illegalGeneration(group, batch.topic))
        )
      ),

    publish: (topic, records) =>
      whenAvailable(
        "publish",
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const refused = broker.append(topic, records, now)
          return refused === undefined
            ? Effect.void
            : Effect.fail(
                new KafkaError({
                  operation: "publish",
                  reason: new RecordTooLarge({
                    message: `record ${refused} of ${records.length} for ${topic} is over ${broker.maxMessageBytes} bytes`
                  })
                })
              )
        })
      ),

    ensureTopics: (topics) =>
      whenAvailable(
        "ensureTopics",
        Effect.sync(() => {
          for (const topic of topics) broker.topic(topic)
        })
      ),

    lag: (topic, group) =>
      whenAvailable(
        "lag",
        Effect.sync(() => broker.lag(topic, group))
      ),

    ping: whenAvailable("ping", Effect.void),

    attributes: {}
  })
}

const withFaults = (broker: MemoryBroker): Context.Context<Kafka | KafkaFaults> => {
  const client = connect(broker)
  let breakPublishAfter: number | undefined
  let loseCommitReply = false

  const kafka = Kafka.of({
    ...client,

    commit: (group, batch) =>
      Effect.andThen(
        client.commit(group, batch),
        Effect.suspend(() => {
          if (!loseCommitReply) return Effect.void
          loseCommitReply = false
          return Effect.fail(unavailable("commit", "the connection was lost before the reply"))
        })
      ),

    publish: (topic, records) =>
      Effect.suspend(() => {
        const written = breakPublishAfter
        if (written === undefined || !broker.available) return client.publish(topic, records)
        breakPublishAfter = undefined
        return Effect.andThen(
          client.publish(topic, records.slice(0, written)),
          Effect.fail(unavailable("publish", "the connection was lost before the reply"))
        )
      })
  })

  const faults = KafkaFaults.of({
    makeUnavailable: Effect.sync(() => broker.setAvailable(false)),
    makeAvailable: Effect.sync(() => broker.setAvailable(true)),
    rebalance: (group) => Effect.sync(() => broker.rebalance(group)),
    redeliver: ({ group, offset, partition, topic }) => Effect.sync(() => broker.seek(group, topic, partition, offset)),
    loseNextCommitReply: Effect.sync(() => {
      loseCommitReply = true
    }),
    breakNextPublishAfter: (written) =>
      Effect.sync(() => {
        breakPublishAfter = written
      })
  })

  return Context.make(Kafka, kafka).pipe(Context.add(KafkaFaults, faults))
}

/**
 * Records live as long as the layer. `partitions` of every topic: 6 unless told. `maxMessageBytes`, Kafka's
 * `max.message.bytes`: 1 MiB unless told.
 */
export const layer = (options?: {
  readonly partitions?: number
  readonly maxMessageBytes?: number
}): Layer.Layer<Kafka | KafkaFaults> =>
  Layer.effectContext(
    Effect.sync(() => withFaults(new MemoryBroker(options?.partitions ?? 6, options?.maxMessageBytes ?? 1_048_576)))
  )
