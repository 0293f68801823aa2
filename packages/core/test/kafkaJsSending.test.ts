import { assert, describe, it } from "@effect/vitest"
import kafkajs from "kafkajs"
import { createRequire } from "node:module"

interface PartitionToSend {
  readonly partition: number
  readonly messages: ReadonlyArray<{ readonly value: string }>
}

type Sender = (options: {
  readonly acks: number
  readonly topicMessages: ReadonlyArray<{ readonly topic: string; readonly messages: ReadonlyArray<unknown> }>
}) => Promise<unknown>

const require = createRequire(import.meta.url)
const makeSender = require("kafkajs/src/producer/sendMessages") as (options: unknown) => Sender
const makeRetry = require("kafkajs/src/retry") as (options: unknown) => unknown
const { createErrorFromCode } = require("kafkajs/src/protocol/error") as {
  createErrorFromCode: (code: number) => Error
}
const { findLeaderForPartitions } = (
  require("kafkajs/src/cluster") as { prototype: { findLeaderForPartitions: () => unknown } }
).prototype

/** Source: Kafka protocol guide, error codes. */
const notLeader = 6

const quiet = { namespace: () => quiet, debug() {}, info() {}, warn() {}, error() {} }
const topic = "orders"
const messages = [
  { key: null, value: "a" },
  { key: null, value: "b" },
  { key: null, value: "c" },
  { key: null, value: "d" }
]

/** Brokers 1 and 2, of which the tests say who leads which partition, and who knows of it when. */
class Cluster {
  /** What the client believes. */
  leaders: ReadonlyArray<number>
  /** What each refresh of the metadata brings, in turn; the last stays. */
  readonly #refreshes: Array<ReadonlyArray<number>>
  readonly written: Array<string> = []
  readonly #trueLeaders: ReadonlyArray<number>

  constructor(known: ReadonlyArray<number>, refreshes: ReadonlyArray<ReadonlyArray<number>>) {
    this.leaders = known
    this.#refreshes = [...refreshes]
    this.#trueLeaders = refreshes.at(-1) ?? known
  }

  readonly #brokers = [1, 2].map((nodeId) => ({
    nodeId,
    produce: async ({ topicData }: { topicData: ReadonlyArray<{ partitions: ReadonlyArray<PartitionToSend> }> }) => {
      const partitions = topicData.flatMap((data) => data.partitions)
      const mine = partitions.filter(({ partition }) => this.#trueLeaders[partition] === nodeId)
      for (const { messages } of mine) this.written.push(...messages.map(({ value }) => value))
      if (mine.length < partitions.length) throw createErrorFromCode(notLeader)
      return { topics: [{ topicName: topic, partitions: partitions.map(({ partition }) => ({ partition })) }] }
    }
  }))

  readonly cluster = {
    isConnected: () => true,
    addMultipleTargetTopics: async () => {},
    refreshMetadataIfNecessary: async () => {},
    refreshMetadata: async () => {
      this.leaders = this.#refreshes.shift() ?? this.leaders
    },
    findTopicPartitionMetadata: () => this.leaders.map((leader, partitionId) => ({ partitionId, leader })),
    findLeaderForPartitions,
    findBroker: async ({ nodeId }: { nodeId: string }) =>
      this.#brokers.find((broker) => broker.nodeId === Number(nodeId))
  }

  async send(): Promise<void> {
    await makeSender({
      logger: quiet,
      cluster: this.cluster,
      // Round robin, which goes on where it stood when it is asked again, as for messages without a key.
      partitioner: kafkajs.Partitioners.DefaultPartitioner(),
      eosManager: {
        acquireBrokerLock: async () => {},
        releaseBrokerLock: async () => {},
        isTransactional: () => false,
        getSequence: () => 0,
        updateSequence() {},
        getProducerId: () => -1,
        getProducerEpoch: () => 0
      },
      retrier: makeRetry({ initialRetryTime: 1, maxRetryTime: 2, retries: 5 })
    })({ acks: -1, topicMessages: [{ topic, messages }] })
  }
}

const values = messages.map(({ value }) => value)
const distinct = (written: ReadonlyArray<string>) => [...new Set(written)].toSorted()

describe("sending through kafkajs, as it is patched here", () => {
  it("sends what one broker refuses to another one that has answered already", async () => {
    const cluster = new Cluster([1, 2], [[1, 1]])
    await cluster.send()
    assert.deepStrictEqual(distinct(cluster.written), values)
    assert.strictEqual(cluster.written.length, values.length)
  })

  it("sends all when leaders change places", async () => {
    const cluster = new Cluster([1, 2, 1, 2], [[1, 1, 2, 2]])
    await cluster.send()
    assert.deepStrictEqual(distinct(cluster.written), values)
  })

  it("leaves messages without a key in their partitions when it sends again", async () => {
    for (let run = 0; run < 20; run++) {
      const cluster = new Cluster([1, 2, 1], [[1, 2, 2]])
      await cluster.send()
      assert.deepStrictEqual(distinct(cluster.written), values)
    }
  })

  it("waits for a partition of which a broker does not know yet", async () => {
    const cluster = new Cluster([1, 2, 2], [[1], [1, 1, 1]])
    await cluster.send()
    assert.deepStrictEqual(distinct(cluster.written), values)
  })
})
