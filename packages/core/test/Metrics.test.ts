import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import type { DeadLetter } from "../src/DeadLetters.ts"
import type { KafkaRecord, RecordBatch } from "../src/Kafka.ts"
import { BadRecord } from "../src/messages/BadRecord.ts"
import * as Metrics from "../src/Metrics.ts"

const record = (partition: number, offset: number): KafkaRecord => ({
  topic: "orders",
  partition,
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: new Map()
})

const batch: RecordBatch = {
  topic: "orders",
  records: [record(0, 6), record(0, 7), record(1, 3)],
  generation: 1,
  highWatermarks: new Map([
    [0, 10],
    [1, 4]
  ])
}

const letter = (reason: BadRecord["reason"]): DeadLetter => ({
  record: record(0, 6),
  bad: new BadRecord({ reason, detail: "" })
})

/** Runs on a registry of its own and gives what Prometheus would scrape. */
const scrape = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(effect, PrometheusMetrics.format()).pipe(
    Effect.map((text) => text.split("\n").filter((line) => !line.startsWith("#"))),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

describe("Metrics", () => {
  it.effect("count every record of a batch under what became of it, zeros included", () =>
    Effect.gen(function* () {
      const settled = {
        outcomes: { accepted: 2 },
        letters: [letter("not_json")],
        took: { decode: Duration.millis(4), commit: Duration.millis(200) }
      }
      const lines = yield* scrape(
        Effect.andThen(Metrics.recordBatch("stg", batch, settled), Metrics.recordBatch("stg", batch, settled))
      )
      assert.includeMembers(lines, [
        'metka_records_total{service="stg",outcome="accepted"} 4',
        'metka_records_total{service="stg",outcome="stale"} 0',
        'metka_records_total{service="stg",outcome="dead_letter"} 2',
        'metka_dead_letters_total{service="stg",reason="not_json"} 2',
        'metka_batch_size_sum{service="stg"} 6',
        'metka_stage_duration_seconds_bucket{service="stg",stage="decode",le="0.005"} 2',
        'metka_stage_duration_seconds_bucket{service="stg",stage="decode",le="0.0025"} 0',
        'metka_stage_duration_seconds_count{service="stg",stage="commit"} 2'
      ])
      assert.isFalse(lines.some((line) => line.includes('stage="publish"')))
    })
  )

  it.effect("tell how far each partition of a batch is behind", () =>
    Effect.gen(function* () {
      const lines = yield* scrape(Metrics.recordBatch("stg", batch, { outcomes: {}, letters: [], took: {} }))
      assert.includeMembers(lines, [
        'metka_consumer_lag{topic="orders",partition="0"} 2',
        'metka_consumer_lag{topic="orders",partition="1"} 0'
      ])
    })
  )

  it.effect("gauges hold the last value, counters the sum", () =>
    Effect.gen(function* () {
      const lines = yield* scrape(
        Effect.all([
          Metrics.setParkedOrders({ count: 7, oldestSeconds: 90 }),
          Metrics.setParkedOrders({ count: 3, oldestSeconds: 12 }),
          Metrics.setReady(true),
          Metrics.recordTags({ given: 2, taken: 1 }),
          Metrics.recordTags({ given: 5, taken: 0 }),
          Metrics.setConsumerLag("orders", [{ partition: 2, committed: 10, end: 25 }])
        ])
      )
      assert.includeMembers(lines, [
        "metka_parked_orders 3",
        "metka_parked_oldest_seconds 12",
        "metka_ready 1",
        'metka_tags_total{action="given"} 7',
        'metka_tags_total{action="taken"} 1',
        'metka_consumer_lag{topic="orders",partition="2"} 15'
      ])
    })
  )
})
