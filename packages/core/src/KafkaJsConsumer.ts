/**
 * Consumption on kafkajs: one member of a group fills a buffer, the stream empties it, and whenever the membership is
 * lost another one is entered.
 */
import { Effect, FiberHandle, Random, Stream } from "effect"
import { setTimeout as pause } from "node:timers/promises"
import type { Consumer, EachBatchPayload, Kafka as KafkaClient, KafkaMessage } from "kafkajs"
import {
  type Assignment,
  type ConsumeOptions,
  illegalGeneration,
  KafkaError,
  type KafkaRecord,
  KafkaUnavailable,
  type RecordBatch,
  type RecordHeaders
} from "./Kafka.ts"
import { isIllegalGeneration, kafkaError } from "./KafkaJsErrors.ts"
import { KafkaRecordBuffer } from "./KafkaRecordBuffer.ts"
import { SkippedOffsets } from "./SkippedOffsets.ts"
import { within } from "./within.ts"

/**
 * After a crash the group stands still until the dead member's session has run out, and this is the least a broker
 * takes unless configured. A member that is suspended for longer comes back to partitions it has lost, which changes
 * nothing.
 */
const sessionTimeoutMillis = 6_000
/**
 * At most so often. A member learns from the reply that the group rebalances, and the others wait until it has joined
 * again.
 */
const heartbeatMillis = 1_000
/** How long the group waits for living members to join again. */
const rebalanceTimeoutMillis = 30_000
/**
 * A heartbeat tells kafkajs within seconds that the group goes on without us, and joining again takes this at most. One
 * that has not joined by then would consume on, and commit nothing: no heartbeat fails where none is sent.
 */
const forgottenMillis = rebalanceTimeoutMillis + sessionTimeoutMillis
/**
 * How long a fetch waits for records. A heartbeat that is due is sent after a fetch, so an idle member sends one as often:
 * a third of its session. Asking more often is most of what an idle service does.
 */
const fetchWaitMillis = 2_000
/** Partitions that a topic is given later are read after so long, and not after kafkajs's five minutes. */
const metadataMaxAgeMillis = 60_000
const fetchBytes = 2 * 1_048_576
const fetchBytesOfPartition = 524_288
const bufferedBytes = 4 * 1_048_576
/** A fetch that brings fewer is not part of a backlog. */
const fewRecords = 100
/** After such a one the next is asked for so much later: asking takes half a millisecond from the records at hand. */
const fetchAgainAfterMillis = 5
/** More than a topic has partitions on one broker: a partition that is held back must not hold back another. */
const concurrentPartitions = 64
/** A blocked fetch looks this often whether a heartbeat is due. */
const heartbeatCheckMillis = 1_000
/** How long leaving may take in all before the connection is simply dropped. */
const leaveMillis = 1_000
/** A membership may end before it fetches, as when the broker restarts; so many in a row say that something is wrong. */
const fruitlessMemberships = 3
/**
 * Who has not been answered for so long does not consume, and says so. Of several brokers the others take over what one
 * has that is gone within as long, and a group of which a member is gone waits for less.
 */
const unansweredMillis = 12_000
const unansweredCheckMillis = 4_000
/** kafkajs says CRASH some time after STOP; if it never does, the membership is over all the same. */
const crashAfterStopMillis = 5_000

class FetchedHeaders implements RecordHeaders {
  readonly #message: KafkaMessage

  constructor(message: KafkaMessage) {
    this.#message = message
  }

  get(name: string): Uint8Array | undefined {
    // Records in Kafka's format of before 0.11 have none.
    return this.#message.header?.(name) ?? undefined
  }

  *[Symbol.iterator]() {
    for (const [name, values] of Object.entries(this.#message.headers ?? {})) {
      const value = Array.isArray(values) ? values.at(-1) : values
      if (value !== undefined && value !== null) yield [name, bufferOf(value)] as const
    }
  }
}

/** kafkajs's types say that it may be text, which it never is when it was fetched. */
const bufferOf = (value: Buffer | string): Buffer => (typeof value === "string" ? Buffer.from(value) : value)

/** Where a record lies among the fetched bytes: of key, value and headers nothing is kept but that. */
class FetchedRecord implements KafkaRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly #message: KafkaMessage

  constructor(topic: string, partition: number, message: KafkaMessage) {
    this.topic = topic
    this.partition = partition
    this.offset = Number(message.offset)
    this.#message = message
  }

  get timestamp(): number {
    return Number(this.#message.timestamp)
  }

  get key(): Uint8Array | null {
    return this.#message.key
  }

  get value(): Uint8Array | null {
    return this.#message.value
  }

  get headers(): RecordHeaders {
    return new FetchedHeaders(this.#message)
  }
}

const bytesOf = (messages: ReadonlyArray<KafkaMessage>): number =>
  messages.reduce((sum, message) => sum + (message.size ?? message.dataLength), 0)

/** Tells of an assignment, and no more of the one before; `placed` is called when what was told has ended. */
type Assigned = (assignment: Assignment, placed: () => void) => void

/** How often the members of this process have joined a generation: kafkajs does not tell the broker's number. */
let generations = 0

/** One membership of a consumer group, from joining to its end. */
class GroupMember {
  readonly group: string
  readonly topic: string
  /** Of all memberships of this process one alone has it. While the group rebalances the old one still may commit. */
  generation = 0
  /** By this id the group knows us, once we have joined. */
  memberId: string | undefined
  /** Whether every broker has answered a fetch. */
  hasFetched = false
  /** When a broker has answered a fetch last, in milliseconds of a clock that nobody sets. */
  #answeredAt = 0
  /** So many batches wait for space. */
  #waiting = 0
  readonly #consumer: Consumer
  readonly #buffer: KafkaRecordBuffer
  readonly #fetching = Promise.withResolvers<void>()
  /** Resolves when every broker has answered a fetch. */
  readonly fetching = this.#fetching.promise
  readonly #ended = Promise.withResolvers<never>()
  readonly #skipped = new SkippedOffsets()
  readonly #assigned: Assigned | undefined
  /** Until the generation's partitions were told of, nothing of them is delivered. */
  #isPlaced = true
  #starting: Promise<void> = Promise.resolve()
  #isLeaving = false
  /** In which a commit was refused last. */
  #refusedGeneration = -1

  /**
   * `previousId` takes up a membership that ended without leaving, because the broker went away. As somebody else we
   * would wait until the broker, back again, finds the old member's session run out.
   */
  constructor(
    client: KafkaClient,
    options: ConsumeOptions,
    buffer: KafkaRecordBuffer,
    previousId: string | undefined,
    assigned: Assigned | undefined
  ) {
    this.group = options.group
    this.topic = options.topic
    this.#buffer = buffer
    this.#assigned = assigned
    this.#consumer = client.consumer({
      groupId: options.group,
      ...(previousId === undefined ? {} : { memberId: previousId }),
      sessionTimeout: sessionTimeoutMillis,
      rebalanceTimeout: rebalanceTimeoutMillis,
      heartbeatInterval: heartbeatMillis,
      maxWaitTimeInMs: fetchWaitMillis,
      metadataMaxAge: metadataMaxAgeMillis,
      maxBytes: fetchBytes,
      maxBytesPerPartition: fetchBytesOfPartition,
      allowAutoTopicCreation: false,
      // A new membership is entered here, with a clean state and a backoff of ours.
      retry: { restartOnFailure: () => Promise.resolve(false) }
    })
    this.#ended.promise.catch(() => {})
  }

  /** Joins and consumes; rejects when the membership is over. */
  async run(): Promise<never> {
    this.#watch()
    this.#starting = this.#start()
    await this.#starting
    return await this.#ended.promise
  }

  /** Resolves when the group knows that we left, or when that took too long. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    this.generation = 0
    this.#buffer.releaseWriters()
    const started = this.#starting.catch(() => {})
    const disconnect = () => this.#consumer.disconnect().catch(() => {})
    const goOn = () => {}
    // Being disconnected takes as long as the last fetch, which nobody waits for.
    const left = Promise.withResolvers<void>()
    this.#consumer.on(this.#consumer.events.REQUEST, ({ payload }) => {
      if (payload.apiName === "LeaveGroup") left.resolve()
    })
    const gone = within(leaveMillis / 2, started, goOn).then(() => Promise.race([disconnect(), left.promise]))
    await within(leaveMillis, gone, goOn)
    // A join that is answered only now would otherwise leave a member behind that nobody owns.
    void started.then(disconnect)
  }

  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    const { generation } = this
    const past = [...offsets].map(([partition, offset]) => [partition, this.#skipped.past(partition, offset)] as const)
    await this.#consumer
      .commitOffsets(past.map(([partition, offset]) => ({ topic: this.topic, partition, offset: String(offset) })))
      .catch((error: unknown) => {
        if (isIllegalGeneration(error)) this.#endUnlessJoinedAfter(generation)
        throw error
      })
    if (generation !== this.generation) return
    for (const [partition, offset] of past) {
      this.#skipped.committed(partition, offset)
      this.#commitSkipped(partition)
    }
  }

  /** See `Assignment`. What was fetched from elsewhere is not delivered: kafkajs says that it is stale. */
  async #goOnAt(generation: number, offsets: ReadonlyMap<number, number>): Promise<void> {
    const illegal = () => illegalGeneration(this.group, this.topic)
    if (generation !== this.generation) throw illegal()
    const places = [...offsets].map(([partition, offset]) => ({ topic: this.topic, partition, offset: String(offset) }))
    await this.#consumer.commitOffsets(places).catch((error: unknown) => {
      throw isIllegalGeneration(error) ? illegal() : error
    })
    if (generation !== this.generation) throw illegal()
    for (const place of places) {
      this.#skipped.forget(place.partition)
      this.#consumer.seek(place)
    }
  }

  #tellAssigned(partitions: ReadonlyArray<number>): void {
    if (this.#assigned === undefined) return
    const { generation } = this
    this.#isPlaced = false
    const goOnAt = (offsets: ReadonlyMap<number, number>) =>
      Effect.tryPromise({
        try: () => this.#goOnAt(generation, offsets),
        catch: (error) => (error instanceof KafkaError ? error : kafkaError("commit", this)(error))
      })
    this.#assigned({ partitions, goOnAt }, () => {
      if (generation !== this.generation) return
      this.#isPlaced = true
      this.#buffer.releaseWriters()
      for (const partition of partitions) this.#commitSkipped(partition)
    })
  }

  /** No broker has answered a fetch for a while, though there is space: not even a heartbeat may be answered. */
  get isUnanswered(): boolean {
    return this.hasFetched && this.#waiting === 0 && this.#answeredAt < performance.now() - unansweredMillis
  }

  #endUnlessJoinedAfter(generation: number): void {
    if (this.#refusedGeneration === generation) return
    this.#refusedGeneration = generation
    const end = () => {
      if (generation === this.generation) this.#ended.reject(new Error("the group has gone on without this member"))
    }
    setTimeout(end, forgottenMillis).unref()
  }

  /** Nobody waits for it. When it fails the lag stays until a record is committed, or the next generation. */
  #commitSkipped(partition: number): void {
    if (!this.#isPlaced) return
    const due = this.#skipped.due(partition, this.#buffer.hasHeld(partition))
    if (due !== undefined) this.commit(new Map([[partition, due]])).catch(() => {})
  }

  #watch(): void {
    const { CRASH, END_BATCH_PROCESS, FETCH, FETCH_START, GROUP_JOIN, STOP } = this.#consumer.events
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.generation = ++generations
      this.#skipped.clear()
      this.memberId = payload.memberId
      this.#tellAssigned(payload.memberAssignment[this.topic] ?? [])
    })
    // Every broker is asked, also one that leads none of the partitions: one alone may be the one that cannot be read.
    const asked = new Set<number>()
    const answered = new Set<number>()
    const unwatchStart = this.#consumer.on(FETCH_START, ({ payload }) => void asked.add(payload.nodeId))
    this.#consumer.on(FETCH, ({ payload }) => {
      this.#answeredAt = performance.now()
      if (this.hasFetched) return
      answered.add(payload.nodeId)
      if (!asked.isSubsetOf(answered)) return
      unwatchStart()
      this.hasFetched = true
      this.#fetching.resolve()
    })
    // What holds nothing to deliver does not come to `eachBatch`.
    this.#consumer.on(END_BATCH_PROCESS, ({ payload: { batchSize, lastOffset, partition } }) => {
      if (batchSize > 0) return
      this.#skipped.fetched(partition, undefined, Number(lastOffset) + 1)
      this.#commitSkipped(partition)
    })
    this.#consumer.on(CRASH, ({ payload }) => this.#ended.reject(payload.error))
    this.#consumer.on(STOP, () => {
      if (this.#isLeaving) return
      setTimeout(() => this.#ended.reject(new Error("kafkajs stopped consuming")), crashAfterStopMillis).unref()
    })
  }

  async #start(): Promise<void> {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topic: this.topic, fromBeginning: true })
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: concurrentPartitions,
      eachBatch: (payload) => this.#buffered(payload)
    })
  }

  /**
   * Waits for space, with heartbeats: an outage downstream must not cost the membership. A heartbeat that fails
   * (the group rebalances) has to leave this callback, or kafkajs never joins again; nor can it stop before we return.
   */
  async #buffered({ batch, heartbeat, isRunning, isStale, resolveOffset }: EachBatchPayload): Promise<void> {
    const { generation } = this
    this.#waiting += 1
    try {
      while (!this.#isLeaving && isRunning() && !(this.#isPlaced && this.#buffer.hasSpace)) {
        await this.#buffer.waitForSpace(heartbeatCheckMillis)
        if (!this.#isLeaving) await heartbeat()
      }
    } finally {
      this.#waiting -= 1
      this.#answeredAt = performance.now()
    }
    if (this.#isLeaving || !isRunning() || isStale()) return
    this.#buffer.push({
      partition: batch.partition,
      generation,
      records: batch.messages.map((message) => new FetchedRecord(this.topic, batch.partition, message)),
      bytes: bytesOf(batch.messages),
      highWatermark: Number(batch.highWatermark)
    })
    // The new generation is delivered these again, from where the group has committed.
    if (generation !== this.generation) return
    const last = batch.messages.at(-1)
    if (last !== undefined) {
      this.#skipped.fetched(batch.partition, Number(last.offset) + 1, Number(batch.lastOffset()) + 1)
    }
    resolveOffset(batch.lastOffset())
    if (batch.messages.length < fewRecords) await pause(fetchAgainAfterMillis)
  }
}

/** The memberships of this process. */
export class GroupMembers {
  readonly #makeClient: () => KafkaClient
  readonly #ensureAgain: (topic: string, error: KafkaError) => Effect.Effect<void, KafkaError>
  readonly #members = new Set<GroupMember>()

  /**
   * kafkajs keeps offsets by group in the client: two members of one group need two clients.
   * @param ensureAgain makes a topic that an error says is missing
   */
  constructor(
    makeClient: () => KafkaClient,
    ensureAgain: (topic: string, error: KafkaError) => Effect.Effect<void, KafkaError>
  ) {
    this.#makeClient = makeClient
    this.#ensureAgain = ensureAgain
  }

  /** See `Kafka.consume`: it waits for a broker that is away, and fails with what only an operator can mend. */
  consume(options: ConsumeOptions): Stream.Stream<RecordBatch, KafkaError> {
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const buffer = new KafkaRecordBuffer({
          topic: options.topic,
          maxRecords: 2 * options.maxRecords,
          maxBytes: bufferedBytes
        })
        const told = yield* FiberHandle.make<void, never>()
        yield* this.#stayMember(options, buffer, yield* assignedOf(options, told)).pipe(
          Effect.catch((error) => Effect.sync(() => buffer.fail(error))),
          Effect.forkScoped
        )
        // A defect of whoever is told must end the stream, or nothing would ever be delivered.
        return Stream.interruptWhen(
          Stream.fromEffectRepeat(buffer.take(options.maxRecords)),
          Effect.andThen(FiberHandle.join(told), Effect.never)
        )
      })
    )
  }

  /** Says `false`, and commits nothing, when no member of this process has this generation any more. */
  async commit(
    group: string,
    { generation, topic }: RecordBatch,
    offsets: ReadonlyMap<number, number>
  ): Promise<boolean> {
    for (const member of this.#members) {
      if (member.group !== group || member.topic !== topic || member.generation !== generation) continue
      await member.commit(offsets)
      return true
    }
    return false
  }

  /** One membership after the other, until one ends for a reason that waiting does not mend. */
  #stayMember(
    options: ConsumeOptions,
    buffer: KafkaRecordBuffer,
    assigned: Assigned | undefined
  ): Effect.Effect<never, KafkaError> {
    return Effect.gen({ self: this }, function* () {
      let fruitless = 0
      let knownId: string | undefined
      while (true) {
        const { error, hasFetched, memberId } = yield* this.#beMember(options, buffer, assigned, knownId)
        if (error.reason._tag !== "KafkaUnavailable") return yield* error
        fruitless = hasFetched ? 0 : fruitless + 1
        knownId = memberId ?? knownId
        const log = fruitless <= 1 ? Effect.logWarning : Effect.logDebug
        yield* log(`not consuming ${options.topic}, joining again: ${error.message}`)
        if (fruitless >= fruitlessMemberships) yield* told(options, error)
        yield* this.#ensureAgain(options.topic, error).pipe(Effect.catch((refusal) => told(options, refusal)))
        yield* Effect.sleep(yield* backoffMillis(fruitless))
      }
    })
  }

  #beMember(
    options: ConsumeOptions,
    buffer: KafkaRecordBuffer,
    assigned: Assigned | undefined,
    previousId: string | undefined
  ) {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const member = new GroupMember(this.#makeClient(), options, buffer, previousId, assigned)
        this.#members.add(member)
        return member
      }),
      (member) =>
        Effect.tryPromise({ try: () => member.run(), catch: kafkaError("consume", options) }).pipe(
          Effect.flip,
          Effect.map((error) => ({ error, hasFetched: member.hasFetched, memberId: member.memberId })),
          Effect.raceFirst(
            Effect.promise(() => member.fetching).pipe(
              Effect.andThen(told(options, undefined)),
              Effect.andThen(tellOf(member, options))
            )
          )
        ),
      (member) =>
        Effect.promise(() => member.leave()).pipe(Effect.andThen(Effect.sync(() => this.#members.delete(member))))
    )
  }
}

const assignedOf = Effect.fnUntraced(function* (
  { onAssigned }: ConsumeOptions,
  told: FiberHandle.FiberHandle<void, never>
) {
  if (onAssigned === undefined) return undefined
  const run = yield* FiberHandle.runtime(told)()
  const assigned: Assigned = (assignment, placed) =>
    void run(Effect.andThen(onAssigned(assignment), Effect.sync(placed)))
  return assigned
})

/** Tells when a member is not answered any more, and when it is again. */
const tellOf = (member: GroupMember, options: ConsumeOptions): Effect.Effect<never> => {
  const noAnswer = new KafkaError({
    operation: "consume",
    reason: new KafkaUnavailable({ message: `no answer within ${unansweredMillis} ms` })
  })
  let wasUnanswered = false
  return Effect.suspend(() => {
    const { isUnanswered } = member
    if (isUnanswered === wasUnanswered) return Effect.void
    wasUnanswered = isUnanswered
    return told(options, isUnanswered ? noAnswer : undefined)
  }).pipe(Effect.delay(unansweredCheckMillis), Effect.forever)
}

const told = ({ onFetching }: ConsumeOptions, problem: KafkaError | undefined): Effect.Effect<void> =>
  onFetching === undefined ? Effect.void : onFetching(problem)

/** Doubles from 100 ms to 2 s, and takes a random half to the whole of it, so that not all come back at once. */
const backoffMillis = (attempt: number): Effect.Effect<number> =>
  Effect.map(Random.next, (random) => Math.min(2_000, 100 * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2))
