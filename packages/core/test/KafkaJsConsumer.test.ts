import { assert, describe, it, vi } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { Deferred, Effect, Fiber, Stream } from "effect"
import type { ConsumerRunConfig, EachBatchPayload, Kafka as KafkaClient, OffsetsByTopicPartition } from "kafkajs"
import { EventEmitter } from "node:events"
import { setImmediate } from "node:timers/promises"
import type { KafkaError } from "../src/Kafka.ts"
import { GroupMembers } from "../src/KafkaJsConsumer.ts"

/** What kafkajs calls, and what it is told; a broker's part is played by the test. */
class Script {
  readonly #emitter = new EventEmitter()
  readonly committed: Array<string> = []
  readonly resolved: Array<string> = []
  /** Whether the group has gone on without us. */
  isForgotten = false
  /** So many have been made. */
  consumers = 0
  #run: ConsumerRunConfig | undefined

  /** The part of kafkajs's client that consuming uses. */
  readonly client = {
    consumer: () => this.#consumer()
  } as unknown as KafkaClient

  #consumer() {
    this.consumers += 1
    return {
      events: {
        CRASH: "crash",
        END_BATCH_PROCESS: "end",
        FETCH: "fetch",
        FETCH_START: "start",
        GROUP_JOIN: "join",
        REQUEST: "request",
        STOP: "stop"
      },
      on: (event: string, listener: (event: { readonly payload: unknown }) => void) => {
        this.#emitter.on(event, listener)
        return () => this.#emitter.off(event, listener)
      },
      connect: () => Promise.resolve(),
      subscribe: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      run: (config: ConsumerRunConfig) => {
        this.#run = config
        return Promise.resolve()
      },
      commitOffsets: (offsets: ReadonlyArray<OffsetsByTopicPartition["topics"][number]["partitions"][number]>) => {
        if (this.isForgotten) return Promise.reject(Object.assign(new Error("no"), { type: "ILLEGAL_GENERATION" }))
        this.committed.push(...offsets.map(({ offset, partition }) => `${partition}:${offset}`))
        return Promise.resolve()
      }
    }
  }

  get isRunning(): boolean {
    return this.#run !== undefined
  }

  join(): void {
    this.#emitter.emit("join", { payload: { memberId: "me", memberAssignment: { in: [0] } } })
  }

  ask(nodeId: number): void {
    this.#emitter.emit("start", { payload: { nodeId } })
  }

  answer(nodeId: number): void {
    this.#emitter.emit("fetch", { payload: { nodeId } })
  }

  /** A fetch that brought nothing to deliver. */
  skip(lastOffset: string): void {
    this.#emitter.emit("end", { payload: { batchSize: 0, partition: 0, lastOffset } })
  }

  /** A fetch that brought these offsets; resolves when its records are in the buffer. */
  async deliver(from: number, until: number): Promise<void> {
    const messages = Array.from({ length: until - from }, (_, index) => ({
      offset: String(from + index),
      timestamp: "0",
      key: null,
      value: Buffer.from("x"),
      size: 1
    }))
    const payload = {
      batch: { partition: 0, messages, highWatermark: String(until), lastOffset: () => String(until - 1) },
      heartbeat: () => Promise.resolve(),
      isRunning: () => true,
      isStale: () => false,
      resolveOffset: (offset: string) => void this.resolved.push(offset)
    }
    await this.#run?.eachBatch?.(payload as unknown as EachBatchPayload)
  }
}

/** A member that has joined. It takes batches of one record, and holds the first one until `goOn`; it commits nothing. */
const member = Effect.fnUntraced(function* (goOn: Effect.Effect<void>) {
  const script = new Script()
  const members = new GroupMembers(
    () => script.client,
    () => Effect.void
  )
  yield* members.consume({ topic: "in", group: "group", maxRecords: 1 }).pipe(
    Stream.runForEach(() => goOn),
    Effect.forkScoped
  )
  yield* eventuallyTrue(
    "it consumes",
    Effect.sync(() => script.isRunning)
  )
  script.join()
  return script
})

describe("A member that joins again while a fetch of another broker is under way", () => {
  it.live("commits no offset that is never delivered, as long as records of the old generation may be at work", () =>
    Effect.gen(function* () {
      const script = yield* member(Effect.never)
      yield* Effect.promise(() => script.deliver(0, 2))
      script.join()
      script.skip("3")
      yield* Effect.promise(() => script.deliver(0, 1))
      assert.deepStrictEqual(script.committed, [])
    }).pipe(Effect.scoped)
  )

  it.live("lets kafkajs fetch again what waited for space meanwhile", () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const script = yield* member(Deferred.await(goOn))
      yield* Effect.promise(() => script.deliver(0, 2))
      yield* Effect.promise(() => script.deliver(2, 4))
      const waiting = yield* Effect.forkChild(Effect.promise(() => script.deliver(4, 5)))
      yield* Effect.yieldNow
      script.join()
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(script.resolved, ["1", "3"])
    }).pipe(Effect.scoped)
  )
})

describe("A member that the group has gone on without", () => {
  const forgotten = Effect.gen(function* () {
    const script = yield* member(Effect.never)
    script.join()
    script.isForgotten = true
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
    script.skip("3")
    yield* Effect.promise(() => setImmediate())
    return script
  })

  it.live("ends, and another one joins, where kafkajs does not notice for as long as joining may take", () =>
    Effect.gen(function* () {
      const script = yield* forgotten
      vi.advanceTimersByTime(36_000)
      vi.useRealTimers()
      yield* eventuallyTrue(
        "another one is made",
        Effect.sync(() => script.consumers === 2)
      )
    }).pipe(Effect.scoped)
  )

  it.live("stays where kafkajs has joined again by then", () =>
    Effect.gen(function* () {
      const script = yield* forgotten
      script.join()
      vi.advanceTimersByTime(36_000)
      yield* Effect.promise(() => setImmediate())
      assert.strictEqual(vi.getTimerCount(), 0)
      assert.strictEqual(script.consumers, 1)
    }).pipe(Effect.scoped)
  )
})

describe("A member whose fetches are not answered", () => {
  it.live("says so, and when they are again", () =>
    Effect.gen(function* () {
      const script = new Script()
      const members = new GroupMembers(
        () => script.client,
        () => Effect.void
      )
      const told: Array<string> = []
      const onFetching = (problem: KafkaError | undefined) =>
        Effect.sync(() => void told.push(problem?.message ?? "fetching"))
      yield* members
        .consume({ topic: "in", group: "group", maxRecords: 1, onFetching })
        .pipe(Stream.runDrain, Effect.forkScoped)
      yield* eventuallyTrue(
        "it consumes",
        Effect.sync(() => script.isRunning)
      )
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
      const pass = (seconds: number, each: () => void = () => {}) =>
        Effect.promise(async () => {
          for (let second = 0; second < seconds; second++) {
            vi.advanceTimersByTime(1_000)
            each()
            await setImmediate()
          }
        })
      for (const node of [1, 2]) script.ask(node)
      for (const node of [1, 2]) script.answer(node)
      yield* pass(1)
      assert.deepStrictEqual(told, ["fetching"])
      // One that is silent is another matter: the others take over what it has.
      script.ask(2)
      yield* pass(20, () => {
        script.ask(1)
        script.answer(1)
      })
      assert.deepStrictEqual(told, ["fetching"])
      // Nobody is asked: no heartbeat is answered.
      yield* pass(20)
      const noAnswer = "Kafka consume: no answer within 12000 ms"
      assert.deepStrictEqual(told, ["fetching", noAnswer])
      script.answer(2)
      yield* pass(4)
      assert.deepStrictEqual(told, ["fetching", noAnswer, "fetching"])
    }).pipe(Effect.scoped)
  )
})
