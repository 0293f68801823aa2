/** What Metka measures, named as Prometheus names things. Recorded a batch at a time: it costs nothing per record. */
import { Clock, Duration, Effect, Metric } from "effect"
import type { Context } from "effect"
import type { PartitionLag, RecordBatch } from "./Kafka.ts"
import { perLabels, withMetrics } from "./perLabels.ts"
import { outcomes, type Settled, steps } from "./Settled.ts"

const records = perLabels((service = "", outcome = "") =>
  Metric.counter("metka_records_total", {
    description: "Records taken from Kafka, by what became of them",
    attributes: { service, outcome },
    incremental: true
  })
)

const deadLetters = perLabels((service = "", reason = "") =>
  Metric.counter("metka_dead_letters_total", {
    description: "Records put into ops.dead_letters, by reason",
    attributes: { service, reason },
    incremental: true
  })
)

const batchSize = perLabels((service = "") =>
  Metric.histogram("metka_batch_size", {
    description: "Records in one batch",
    attributes: { service },
    boundaries: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]
  })
)

const stageDuration = perLabels((service = "", stage = "") =>
  Metric.histogram("metka_stage_duration_seconds", {
    description: "How long a stage of the pipeline took for one batch, waiting out outages included",
    attributes: { service, stage },
    boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
  })
)

const consumerLag = perLabels((topic = "", partition = "") =>
  Metric.gauge("metka_consumer_lag", {
    description: "Records of a partition behind the last committed batch",
    attributes: { topic, partition }
  })
)

const lastBatch = perLabels((service = "", topic = "") =>
  Metric.gauge("metka_last_batch_timestamp_seconds", {
    description: "When the offsets of the last batch were committed, or the service started, in seconds since 1970",
    attributes: { service, topic }
  })
)

const tags = perLabels((action = "") =>
  Metric.counter("metka_tags_total", {
    description: "Tags given to guests and taken from them",
    attributes: { action },
    incremental: true
  })
)

const parkedOrders = Metric.gauge("metka_parked_orders", {
  description: "Orders that wait for a guest, restaurant or dish that Redis does not know"
})

const parkedOldest = Metric.gauge("metka_parked_oldest_seconds", {
  description: "For how long the order has waited that waits longest for its references; 0 when none waits"
})

const ready = Metric.gauge("metka_ready", { description: "1 while the service is ready, else 0" })

const recordLag = (batch: RecordBatch, context: Context.Context<never>): void => {
  const next = new Map<number, number>()
  for (const { offset, partition } of batch.records) next.set(partition, offset + 1)
  for (const [partition, offset] of next) {
    const end = batch.highWatermarks.get(partition)
    if (end !== undefined) {
      consumerLag(batch.topic, String(partition)).updateUnsafe(Math.max(0, end - offset), context)
    }
  }
}

/** What alerts compare with must be there before the first batch: a counter that begins at 1 has not increased. */
export const recordStart = (service: string, topic: string): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    withMetrics((context) => {
      for (const outcome of [...outcomes, "dead_letter"]) records(service, outcome).updateUnsafe(0, context)
      lastBatch(service, topic).updateUnsafe(now / 1_000, context)
    })
  )

/** Records a batch that is done: sizes, outcomes, durations, and how far its partitions are behind. */
export const recordBatch = Effect.fnUntraced(function* (service: string, batch: RecordBatch, settled: Settled) {
  const now = yield* Clock.currentTimeMillis
  yield* withMetrics((context) => {
    lastBatch(service, batch.topic).updateUnsafe(now / 1_000, context)
    batchSize(service).updateUnsafe(batch.records.length, context)
    // An outcome of 0 is recorded too: an alert on the increase of a series needs the series to be there.
    for (const outcome of outcomes) {
      records(service, outcome).updateUnsafe(settled.outcomes[outcome] ?? 0, context)
    }
    records(service, "dead_letter").updateUnsafe(settled.letters.length, context)
    for (const { bad } of settled.letters) deadLetters(service, bad.reason).updateUnsafe(1, context)
    for (const step of steps) {
      const took = settled.took[step]
      if (took !== undefined) stageDuration(service, step).updateUnsafe(Duration.toSeconds(took), context)
    }
    recordLag(batch, context)
  })
})

/** Sets how far the group is behind on a topic, as `Kafka.lag` tells it: on partitions no batch came from too. */
export const setConsumerLag = (
  topic: string,
  lags: ReadonlyArray<Pick<PartitionLag, "partition" | "committed" | "end">>
): Effect.Effect<void> =>
  withMetrics((context) => {
    for (const { committed, end, partition } of lags) {
      consumerLag(topic, String(partition)).updateUnsafe(Math.max(0, end - committed), context)
    }
  })

/** Counts the tags that one batch gave and took. */
export const recordTags = (count: { readonly given: number; readonly taken: number }): Effect.Effect<void> =>
  withMetrics((context) => {
    tags("given").updateUnsafe(count.given, context)
    tags("taken").updateUnsafe(count.taken, context)
  })

/** Sets how many orders are parked, and for how long the first of them has been. */
export const setParkedOrders = (parked: {
  readonly count: number
  readonly oldestSeconds: number
}): Effect.Effect<void> =>
  Effect.andThen(Metric.update(parkedOrders, parked.count), Metric.update(parkedOldest, parked.oldestSeconds))

export const setReady = (isReady: boolean): Effect.Effect<void> => Metric.update(ready, isReady ? 1 : 0)
