import { assert, layer } from "@effect/vitest"
import { Health } from "@metka/core/Health"
import { Kafka } from "@metka/core/Kafka"
import { KafkaFaults } from "@metka/core/KafkaFaults"
import { inputsOf, Topology } from "@metka/core/Topology"
import { messyStream } from "@metka/testing/messyStream/messyStream"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { eventuallyTrue } from "@metka/testing/eventually"
import { endsAs, oracle, send } from "@metka/testing/againstOracle"
import { memoryDatabase, sendStream, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { topicRecords } from "@metka/testing/topicRecords"

/** Small batches, so that a fault strikes in the middle of many. */
const options = { maxBatchRecords: 20, partitions: 3 }
const stream = messyStream(11, 120, { late: 0, broken: 1, duplicates: 0 })
const half = Math.floor(stream.deliveries.length / 2)

const committed = Effect.fnUntraced(function* (topic: string, group: string) {
  const kafka = yield* Kafka
  return (yield* kafka.lag(topic, group)).reduce((sum, partition) => sum + partition.committed, 0)
})

/** The dead letters are those of the broken messages and nothing else: what the oracle's state says too. */
const endsExactly = Effect.gen(function* () {
  const expected = yield* oracle(stream.initialReferences, stream.rules)
  yield* settled(expected.parked.length)
  yield* endsAs(expected)
  assert.isAbove(expected.deadLetters.length, 100)
  assert.isAbove(expected.userTags.length, 10)
})

layer(memoryDatabase, { excludeTestServices: true, timeout: "60 seconds" })(
  "The state is the oracle's, and no dead letter comes of it, when",
  (it) => {
    it.effect("replies to commits are lost", () =>
      withMemorySystem(
        options,
        Effect.gen(function* () {
          const faults = yield* KafkaFaults
          const { groupStg, orders } = yield* Topology
          yield* faults.loseNextCommitReply
          yield* sendStream({ ...stream, deliveries: stream.deliveries.slice(0, half) })
          yield* eventuallyTrue(
            "half is committed",
            Effect.map(committed(orders, groupStg), (count) => count === half)
          )
          yield* faults.loseNextCommitReply
          yield* send(stream.deliveries.slice(half))
          yield* endsExactly
        })
      )
    )

    it.effect("publishing breaks half way, again and again", () =>
      withMemorySystem(
        options,
        Effect.gen(function* () {
          const faults = yield* KafkaFaults
          const topology = yield* Topology
          // From here on only the services publish: it is they who meet the faults.
          yield* sendStream(stream)
          for (let from = 0; from < stream.deliveries.length; from += 40) {
            yield* eventuallyTrue(
              `STG has committed ${from} records`,
              Effect.map(committed(topology.orders, topology.groupStg), (count) => count >= from)
            )
            yield* faults.breakNextPublishAfter(3)
          }
          yield* endsExactly
          const records = [...(yield* topicRecords(topology.stgOrders)), ...(yield* topicRecords(topology.cdmStats))]
          const distinct = new Set(
            records.map(({ headers, topic }) => `${topic} ${String(headers.get("order-version"))}`)
          )
          assert.isBelow(distinct.size, records.length, "records that were sent again after a broken publishing")
        })
      )
    )

    it.effect("every group rebalances again and again while it works", () =>
      withMemorySystem(
        options,
        Effect.gen(function* () {
          const faults = yield* KafkaFaults
          const topology = yield* Topology
          yield* sendStream(stream)
          for (const [topic, group] of Object.values(inputsOf(topology))) {
            for (const share of [0.1, 0.3, 0.5, 0.7]) {
              const least = Math.floor(share * stream.deliveries.length * (topic === topology.orders ? 1 : 0.3))
              yield* eventuallyTrue(
                `${group} has committed ${least} records`,
                Effect.map(committed(topic, group), (count) => count >= least)
              )
              yield* faults.rebalance(group)
            }
          }
          yield* endsExactly
        })
      )
    )

    it.effect("partitions are delivered again from their start", () =>
      withMemorySystem(
        options,
        Effect.gen(function* () {
          const faults = yield* KafkaFaults
          const topology = yield* Topology
          yield* sendStream(stream)
          yield* eventuallyTrue(
            "CDM is at work",
            Effect.map(committed(topology.cdmStats, topology.groupCdm), (count) => count > 0)
          )
          for (const partition of [0, 1, 2]) {
            yield* faults.redeliver({ topic: topology.cdmStats, group: topology.groupCdm, partition, offset: 0 })
            yield* faults.redeliver({ topic: topology.stgOrders, group: topology.groupDds, partition, offset: 0 })
            yield* faults.redeliver({ topic: topology.orders, group: topology.groupStg, partition, offset: 0 })
          }
          yield* endsExactly
        })
      )
    )

    it.effect("the broker is away for a while; meanwhile the services are not ready", () =>
      withMemorySystem(
        options,
        Effect.gen(function* () {
          const faults = yield* KafkaFaults
          const health = yield* Health
          const { groupStg, orders } = yield* Topology
          yield* sendStream(stream)
          yield* eventuallyTrue(
            "STG is at work",
            Effect.map(committed(orders, groupStg), (count) => count > 0)
          )
          yield* faults.makeUnavailable
          yield* eventuallyTrue(
            "not ready",
            Effect.map(health.readiness, ({ components, ready }) => !ready && components["kafka"] !== "up")
          )
          const sql = yield* SqlClient.SqlClient
          const [before] = yield* sql<{ count: number }>`select count(*)::int as count from dds.h_order`
          yield* faults.makeAvailable
          yield* endsExactly
          const [after] = yield* sql<{ count: number }>`select count(*)::int as count from dds.h_order`
          assert.isAbove(after?.count ?? 0, before?.count ?? 0, "orders that came through afterwards")
          assert.isTrue((yield* health.readiness).ready)
        })
      )
    )
  }
)
