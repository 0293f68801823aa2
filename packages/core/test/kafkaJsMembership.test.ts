import { assert, describe, it } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { Effect } from "effect"
import { AssignerProtocol, type Consumer } from "kafkajs"
import { createRequire } from "node:module"
import { setTimeout as pause } from "node:timers/promises"

const require = createRequire(import.meta.url)
const createConsumer = require("kafkajs/src/consumer") as (options: unknown) => Consumer
const { createErrorFromCode } = require("kafkajs/src/protocol/error") as {
  createErrorFromCode: (code: number) => Error
}
const { KafkaJSConnectionError } = require("kafkajs") as { KafkaJSConnectionError: new (message: string) => Error }

/** Source: Kafka protocol guide, error codes. */
const code = {
  NOT_LEADER_OR_FOLLOWER: 6,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  ILLEGAL_GENERATION: 22,
  UNKNOWN_MEMBER_ID: 25
}
const refusal = (name: keyof typeof code) => createErrorFromCode(code[name])

const quiet = { namespace: () => quiet, debug() {}, info() {}, warn() {}, error() {} }

/** A cluster of one broker with one topic, of which the tests say what goes wrong: what each request fails with, in turn. */
class Broker {
  readonly failures = {
    join: [] as Array<Error>,
    /** The group has the member all the same: its answer is lost. */
    syncAnswer: [] as Array<Error>,
    fetch: [] as Array<Error>
  }
  generation = 0
  /** The group has nobody while it is undefined. */
  member: string | undefined
  fetches = 0
  readonly committed: Array<string> = []
  /** What the client knows of them. */
  readonly #offsets = {}

  #throw(error: Error | undefined): void {
    if (error !== undefined) throw error
  }

  #mustBeMember(memberId: string, generation: number): void {
    if (memberId !== this.member) throw refusal("UNKNOWN_MEMBER_ID")
    if (generation !== this.generation) throw refusal("ILLEGAL_GENERATION")
  }

  readonly broker = {
    isConnected: () => true,
    joinGroup: async ({ memberId }: { readonly memberId: string }) => {
      this.#throw(this.failures.join.shift())
      if (memberId !== "" && memberId !== this.member) throw refusal("UNKNOWN_MEMBER_ID")
      this.generation += 1
      this.member ??= `member-${this.generation}`
      return { generationId: this.generation, leaderId: "", memberId: this.member, members: [], groupProtocol: "" }
    },
    syncGroup: async () => {
      this.#throw(this.failures.syncAnswer.shift())
      return {
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: { in: [0] },
          userData: Buffer.alloc(0)
        })
      }
    },
    heartbeat: async (asked: { readonly memberId: string; readonly groupGenerationId: number }) =>
      this.#mustBeMember(asked.memberId, asked.groupGenerationId),
    leaveGroup: async () => {
      this.member = undefined
    },
    offsetFetch: async () => ({ responses: [{ topic: "in", partitions: [{ partition: 0, offset: "0" }] }] }),
    offsetCommit: async (asked: { readonly memberId: string; readonly groupGenerationId: number }) => {
      this.#mustBeMember(asked.memberId, asked.groupGenerationId)
      this.committed.push(asked.memberId)
    },
    fetch: async () => {
      await pause(1)
      this.#throw(this.failures.fetch.shift())
      this.fetches += 1
      return { responses: [] }
    }
  }

  readonly cluster = {
    connect: async () => {},
    disconnect: async () => {},
    addMultipleTargetTopics: async () => {},
    refreshMetadata: async () => {},
    refreshMetadataIfNecessary: async () => {},
    committedOffsets: () => this.#offsets,
    findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
    findGroupCoordinator: async () => this.broker,
    findBroker: async () => this.broker,
    getNodeIds: () => [1],
    removeBroker: () => {}
  }
}

/** A consumer that has joined and fetches; each heartbeat is due. */
const consuming = Effect.gen(function* () {
  const broker = new Broker()
  const consumer = yield* Effect.acquireRelease(
    Effect.sync(() =>
      createConsumer({
        cluster: broker.cluster,
        groupId: "group",
        logger: quiet,
        heartbeatInterval: 0,
        retry: { initialRetryTime: 1, retries: 5 }
      })
    ),
    (consumer) => Effect.promise(() => consumer.disconnect())
  )
  yield* Effect.promise(async () => {
    await consumer.connect()
    await consumer.subscribe({ topic: "in", fromBeginning: true })
    await consumer.run({ autoCommit: false, eachBatch: async () => {} })
  })
  const commit = Effect.promise(() => consumer.commitOffsets([{ topic: "in", partition: 0, offset: "1" }]))
  yield* fetchesOn(broker)
  return { broker, commit }
})

const fetchesOn = (broker: Broker) =>
  Effect.suspend(() => {
    const before = broker.fetches
    return eventuallyTrue(
      "it fetches",
      Effect.sync(() => broker.fetches > before + 2)
    )
  })

const commitsAsMemberAgain = Effect.fnUntraced(function* (broker: Broker, commit: Effect.Effect<void>) {
  yield* eventuallyTrue(
    "the group has it again",
    Effect.sync(() => broker.member !== undefined)
  )
  yield* fetchesOn(broker)
  yield* commit
  assert.deepStrictEqual(broker.committed, ["member-2"])
})

describe("A consumer of kafkajs, as it is patched here", () => {
  it.live("that the group has forgotten does not fetch on without a membership when joining again fails at first", () =>
    Effect.gen(function* () {
      const { broker, commit } = yield* consuming
      broker.failures.join.push(refusal("COORDINATOR_LOAD_IN_PROGRESS"))
      broker.member = undefined
      yield* commitsAsMemberAgain(broker, commit)
    }).pipe(Effect.scoped)
  )

  it.live("nor when it learns of that while a fetch that failed makes it join", () =>
    Effect.gen(function* () {
      const { broker, commit } = yield* consuming
      broker.failures.join.push(refusal("UNKNOWN_MEMBER_ID"), refusal("COORDINATOR_LOAD_IN_PROGRESS"))
      broker.failures.fetch.push(refusal("NOT_LEADER_OR_FOLLOWER"))
      broker.member = undefined
      yield* commitsAsMemberAgain(broker, commit)
    }).pipe(Effect.scoped)
  )

  it.live("commits as a member of the generation it is in when the answer that made it one was lost", () =>
    Effect.gen(function* () {
      const { broker, commit } = yield* consuming
      broker.failures.syncAnswer.push(new KafkaJSConnectionError("Connection lost"))
      broker.failures.fetch.push(refusal("NOT_LEADER_OR_FOLLOWER"))
      yield* eventuallyTrue(
        "it has joined again",
        Effect.sync(() => broker.generation >= 2 && broker.failures.syncAnswer.length === 0)
      )
      yield* fetchesOn(broker)
      yield* commit
      assert.lengthOf(broker.committed, 1)
    }).pipe(Effect.scoped)
  )
})
