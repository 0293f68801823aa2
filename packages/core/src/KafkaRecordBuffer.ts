/**
 * The records fetched and not yet delivered, between kafkajs's callbacks and the stream. Records leave in the order
 * they came, and none is dropped: a partition's offset may be committed because everything before it was delivered.
 */
import { Effect, Latch } from "effect"
import type { KafkaError, KafkaRecord, RecordBatch } from "./Kafka.ts"

/** What one fetch brought of one partition. */
export interface FetchedRecords {
  readonly partition: number
  /** See `RecordBatch`. */
  readonly generation: number
  readonly records: ReadonlyArray<KafkaRecord>
  /** What keys and values of all the records take. */
  readonly bytes: number
  readonly highWatermark: number
}

/** Bytes a waiting record takes beyond its key and value. An estimate, as all of it: it only has to bound the memory. */
const recordOverheadBytes = 200

/**
 * After a batch of so many records more are on their way: the next one waits a moment for them, since a batch costs
 * PostgreSQL much the same whether it is a tenth full or full. A record that comes by itself never waits.
 */
const busyRecords = 100
const gatherFor = "150 millis"

/** Of so many of the records: each counts for the mean of them. */
const bytesOf = ({ bytes, records }: FetchedRecords, count: number): number =>
  count * (recordOverheadBytes + Math.ceil(bytes / records.length))

export class KafkaRecordBuffer {
  readonly topic: string
  readonly maxRecords: number
  readonly maxBytes: number
  #records = 0
  #bytes = 0
  #fetched: Array<FetchedRecords> = []
  /** How many records of the first of `#fetched` were delivered. */
  #delivered = 0
  readonly #partitions = new Set<number>()
  /** How many records the batch taken last had. */
  #lastTaken = 0
  #failure: KafkaError | undefined
  /** Open while there is something to take, or a failure. */
  readonly #ready = Latch.makeUnsafe(false)
  /** Open while there is so much that waiting for more makes no sense. */
  readonly #full = Latch.makeUnsafe(false)
  readonly #waitingForSpace = new Set<() => void>()

  constructor(options: { readonly topic: string; readonly maxRecords: number; readonly maxBytes: number }) {
    this.topic = options.topic
    this.maxRecords = options.maxRecords
    this.maxBytes = options.maxBytes
  }

  /** A fetch of one partition is taken in as a whole, so the bounds may be overstepped by one. */
  get hasSpace(): boolean {
    return this.#records < this.maxRecords && this.#bytes < this.maxBytes
  }

  get #isFull(): boolean {
    return this.#failure !== undefined || this.#bytes >= this.maxBytes / 2 || this.#records >= this.maxRecords / 2
  }

  /** Whether any record of the partition was ever here: some may still be at work. */
  hasHeld(partition: number): boolean {
    return this.#partitions.has(partition)
  }

  push(fetched: FetchedRecords): void {
    if (fetched.records.length === 0) return
    this.#fetched.push(fetched)
    this.#partitions.add(fetched.partition)
    this.#records += fetched.records.length
    this.#bytes += bytesOf(fetched, fetched.records.length)
    this.#ready.openUnsafe()
    if (this.#isFull) this.#full.openUnsafe()
  }

  /** Resolves when there may be space, when `releaseWriters` is called, and in any case after `millis`. */
  waitForSpace(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const release = () => {
        clearTimeout(timer)
        this.#waitingForSpace.delete(release)
        resolve()
      }
      const timer = setTimeout(release, millis)
      this.#waitingForSpace.add(release)
    })
  }

  releaseWriters(): void {
    for (const release of this.#waitingForSpace) release()
  }

  /** Everyone who takes fails from now on. */
  fail(error: KafkaError): void {
    this.#failure = error
    this.#ready.openUnsafe()
    this.#full.openUnsafe()
  }

  /** Waits for records; all that wait of one generation, of whatever partition, up to `maxRecords`. */
  take(maxRecords: number): Effect.Effect<RecordBatch, KafkaError> {
    return Effect.suspend(() => {
      if (this.#lastTaken < busyRecords || this.#isFull) return this.#takeNow(maxRecords)
      this.#full.closeUnsafe()
      return Effect.andThen(Effect.timeoutOption(this.#full.await, gatherFor), this.#takeNow(maxRecords))
    })
  }

  #takeNow(maxRecords: number): Effect.Effect<RecordBatch, KafkaError> {
    return Effect.suspend(() => {
      if (this.#failure !== undefined) return Effect.fail(this.#failure)
      const batch = this.#drain(maxRecords)
      if (batch !== undefined) return Effect.succeed(batch)
      this.#ready.closeUnsafe()
      return Effect.andThen(this.#ready.await, this.#takeNow(maxRecords))
    })
  }

  #drain(maxRecords: number): RecordBatch | undefined {
    const records: Array<KafkaRecord> = []
    const highWatermarks = new Map<number, number>()
    const generation = this.#fetched[0]?.generation ?? 0
    for (let first = this.#fetched[0]; first !== undefined && records.length < maxRecords; first = this.#fetched[0]) {
      if (first.generation !== generation) break
      const until = Math.min(first.records.length, this.#delivered + maxRecords - records.length)
      records.push(...first.records.slice(this.#delivered, until))
      this.#bytes -= bytesOf(first, until - this.#delivered)
      highWatermarks.set(first.partition, first.highWatermark)
      this.#delivered = until
      if (until === first.records.length) {
        this.#fetched.shift()
        this.#delivered = 0
      }
    }
    if (records.length === 0) return undefined
    this.#lastTaken = records.length
    this.#records -= records.length
    if (this.hasSpace) this.releaseWriters()
    return { topic: this.topic, generation, records, highWatermarks }
  }
}
