/**
 * The Kafka port: what the services ask of a broker, and nothing else.
 *
 * Delivery is at least once. A consumer may see a record again after a rebalance, a restart or a failed commit;
 * it never misses one whose offset was not committed.
 */
import { Context, Schema } from "effect"
import type { Effect, Stream } from "effect"

/**
 * The headers of a record, which it may not decode before they are asked for. Of several of one name the last, and none
 * where that has no value. What is not UTF-8 in a name reads U+FFFD, and is not found by it.
 */
export interface RecordHeaders extends Iterable<readonly [name: string, value: Uint8Array]> {
  get(name: string): Uint8Array | undefined
}

/** A record as it came from the broker. `timestamp` is Kafka's, in milliseconds. */
export interface KafkaRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}

/** A record to be sent; the partition follows from the key (Kafka's default partitioner, murmur2). */
export interface OutgoingRecord {
  readonly key: Uint8Array | string | null
  readonly value: Uint8Array | string
  readonly headers: Readonly<Record<string, Buffer | string>>
}

/** What one poll brought: records of one topic, possibly of several partitions, in offset order within each. */
export interface RecordBatch {
  readonly topic: string
  /** The generation of the group in which it was delivered. With the next one, all that is not committed comes again. */
  readonly generation: number
  readonly records: ReadonlyArray<KafkaRecord>
  /** Per partition in this batch, the broker's high watermark when it was fetched. */
  readonly highWatermarks: ReadonlyMap<number, number>
}

/** The server cannot be reached or is not able to answer now. */
export class KafkaUnavailable extends Schema.TaggedError<KafkaUnavailable>()("KafkaUnavailable", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** The broker refuses a record for its size; sending it again cannot help. */
export class RecordTooLarge extends Schema.TaggedError<RecordTooLarge>()("RecordTooLarge", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/**
 * The broker refuses for a reason that only a change of configuration can mend: authentication, authorisation, a topic
 * that may not be created.
 */
export class KafkaRefused extends Schema.TaggedError<KafkaRefused>()("KafkaRefused", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/**
 * The group has rebalanced since the records were delivered: they are delivered again, to whoever has their partitions
 * now. Committing them could take back what that member has committed.
 */
export class IllegalGeneration extends Schema.TaggedError<IllegalGeneration>()("IllegalGeneration", {
  message: Schema.String
}) {}

export class KafkaError extends Schema.TaggedError<KafkaError>()("KafkaError", {
  operation: Schema.String,
  reason: Schema.Union([KafkaUnavailable, RecordTooLarge, KafkaRefused, IllegalGeneration])
}) {
  override get message(): string {
    return `Kafka ${this.operation}: ${this.reason.message}`
  }
}

/** The partitions that a member of a group has in a generation. */
export interface Assignment {
  readonly partitions: ReadonlyArray<number>
  /**
   * Commits these offsets for the group, whatever it had committed before, and has the partitions delivered from there.
   * Fails with `IllegalGeneration` when there is another generation by now.
   */
  goOnAt(offsets: ReadonlyMap<number, number>): Effect.Effect<void, KafkaError>
}

export interface ConsumeOptions {
  readonly topic: string
  readonly group: string
  /** Upper bound of records in one batch. */
  readonly maxRecords: number
  /**
   * Told of the partitions of each generation; until it ends nothing of them is delivered. It may be interrupted when
   * there is another generation.
   */
  readonly onAssigned?: (assignment: Assignment) => Effect.Effect<void>
  /** Told when fetching has begun, also after a membership was lost, and what keeps on ending memberships before that. */
  readonly onFetching?: (problem: KafkaError | undefined) => Effect.Effect<void>
}

/** How far a group is in a partition, in offsets. */
export interface PartitionLag {
  readonly partition: number
  /** Where the log begins: 0 until retention cuts it. */
  readonly start: number
  /** The start, of a group that never committed. */
  readonly committed: number
  readonly end: number
}

/** Records that the group has not committed. */
export const recordsBehind = (partitions: ReadonlyArray<PartitionLag>): number =>
  partitions.reduce((sum, { committed, end }) => sum + Math.max(0, end - committed), 0)

export class Kafka extends Context.Service<
  Kafka,
  {
    /**
     * Joins the group and delivers the topic from the group's committed offsets (a new group: from the earliest).
     * Partitions are shared with the other members of the group. The stream fetches ahead by a bounded amount, ends
     * only with its scope, leaves the group when it does, and fails when the broker ends the membership for good.
     */
    consume(options: ConsumeOptions): Stream.Stream<RecordBatch, KafkaError>
    /**
     * Commits, for the group, the offset after the last record of each partition in the batch. Fails with
     * `IllegalGeneration` when the group has rebalanced since, or this process is no member of it any more.
     */
    commit(group: string, batch: RecordBatch): Effect.Effect<void, KafkaError>
    /** Sends all records, acknowledged by all in-sync replicas. On failure some may have been written. */
    publish(topic: string, records: ReadonlyArray<OutgoingRecord>): Effect.Effect<void, KafkaError>
    /** Creates the topics that are missing, where the broker allows it; from then on also when one is missed. */
    ensureTopics(topics: ReadonlyArray<string>): Effect.Effect<void, KafkaError>
    /** How far the group is, by partition. */
    lag(topic: string, group: string): Effect.Effect<ReadonlyArray<PartitionLag>, KafkaError>
    /** Succeeds when the broker answers. */
    readonly ping: Effect.Effect<void, KafkaError>
    /** What spans and metrics say of the connection, by OpenTelemetry's names. */
    readonly attributes: Readonly<Record<string, string | number>>
  }
>()("metka/core/Kafka") {}

/** The offset to commit for each partition of a batch: one after its last record. */
export const offsetsOf = (batch: RecordBatch): ReadonlyMap<number, number> => {
  const offsets = new Map<number, number>()
  for (const record of batch.records) offsets.set(record.partition, record.offset + 1)
  return offsets
}

export const illegalGeneration = (group: string, topic: string) =>
  new KafkaError({
    operation: "commit",
    reason: new IllegalGeneration({ message: `${group} has rebalanced since these records of ${topic} were delivered` })
  })
