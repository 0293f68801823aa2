/**
 * A broker inside the process: a partitioned, retained log with consumer groups. It has no clock, no fibers and no
 * errors of its own; `KafkaMemory.layer` gives it these.
 *
 * Rebalances are eager: whoever joins or leaves, every member of the group starts again from the committed offsets.
 * Topics come into being when first used, as on a broker with `auto.create.topics.enable`.
 */
import { Latch } from "effect"
import type { KafkaRecord, OutgoingRecord, RecordBatch } from "./Kafka.ts"
import { partitionOf } from "./KafkaPartitioner.ts"
import { recordBytes } from "./KafkaRecordSize.ts"

type Log = Array<KafkaRecord>

interface Topic {
  readonly partitions: ReadonlyArray<Log>
  readonly members: Set<Member>
  /** Where the next record without a key goes. */
  nextKeyless: number
}

interface Group {
  readonly members: Set<Member>
  /** Grows with each rebalance. */
  generation: number
  /** By topic and partition: the offset to go on from. */
  readonly committed: Map<string, Map<number, number>>
}

/** One consumer of a group. */
export interface Member {
  /** The process it belongs to. */
  readonly client: symbol
  readonly group: string
  readonly topic: string
  /** The partitions assigned to it, each with the offset of the next record to deliver. */
  readonly positions: Map<number, number>
  /** Closed while there is nothing to deliver. */
  readonly ready: Latch.Latch
  /** Which partition is served first, so that a full one does not starve the others. */
  turn: number
}

const bytesOf = (data: Uint8Array | string): Uint8Array => (typeof data === "string" ? Buffer.from(data) : data)

interface Encoded {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  readonly headers: ReadonlyMap<string, Uint8Array>
  readonly bytes: number
}

const encodeOutgoing = (record: OutgoingRecord): Encoded => {
  const key = record.key === null ? null : bytesOf(record.key)
  const value = bytesOf(record.value)
  const headers = new Map<string, Uint8Array>()
  for (const [name, data] of Object.entries(record.headers)) headers.set(name, bytesOf(data))
  return { key, value, headers, bytes: recordBytes(key, value, record.headers) }
}

export class MemoryBroker {
  readonly partitions: number
  readonly maxMessageBytes: number
  #available = true
  readonly #topics = new Map<string, Topic>()
  readonly #groups = new Map<string, Group>()
  readonly #expired = new Set<Member>()

  constructor(partitions: number, maxMessageBytes: number) {
    this.partitions = partitions
    this.maxMessageBytes = maxMessageBytes
  }

  get available(): boolean {
    return this.#available
  }

  /** While not available nothing is delivered; consumers stay where they are. */
  setAvailable(available: boolean): void {
    this.#available = available
    if (available) for (const topic of this.#topics.values()) wake(topic.members)
  }

  topic(name: string): Topic {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = { partitions: Array.from({ length: this.partitions }, (): Log => []), members: new Set(), nextKeyless: 0 }
      this.#topics.set(name, topic)
    }
    return topic
  }

  /** Appends in order until a record is over the limit; returns the index of that record, or `undefined`. */
  append(topicName: string, records: ReadonlyArray<OutgoingRecord>, timestamp: number): number | undefined {
    const topic = this.topic(topicName)
    let refused: number | undefined
    for (const [index, record] of records.entries()) {
      const encoded = encodeOutgoing(record)
      if (encoded.bytes > this.maxMessageBytes) {
        refused = index
        break
      }
      const partition =
        encoded.key === null ? topic.nextKeyless++ % this.partitions : partitionOf(encoded.key, this.partitions)
      const log = topic.partitions[partition]
      log?.push({
        topic: topicName,
        partition,
        offset: log.length,
        timestamp,
        key: encoded.key,
        value: encoded.value,
        headers: encoded.headers
      })
    }
    wake(topic.members)
    return refused
  }

  join(groupName: string, topicName: string, client: symbol): Member {
    const member: Member = {
      client,
      group: groupName,
      topic: topicName,
      positions: new Map(),
      ready: Latch.makeUnsafe(true),
      turn: 0
    }
    this.#admit(member)
    return member
  }

  leave(member: Member): void {
    this.#group(member.group).members.delete(member)
    this.topic(member.topic).members.delete(member)
    this.#expired.delete(member)
    member.positions.clear()
    this.rebalance(member.group)
  }

  /**
   * The sessions of a process time out, since nothing was heard of it: its partitions go to the others. Its members do
   * not know, and get nothing until they are admitted again.
   */
  expire(client: symbol): void {
    const members = [...this.#groups.values()].flatMap((group) => [...group.members])
    for (const member of members.filter((member) => member.client === client)) {
      this.leave(member)
      this.#expired.add(member)
    }
  }

  /** A process whose sessions have expired is heard of again, and joins its groups anew. */
  readmit(client: symbol): void {
    // Whoever is woken by it may expire again.
    const members = [...this.#expired].filter((member) => member.client === client)
    for (const member of members) {
      this.#expired.delete(member)
      this.#admit(member)
    }
  }

  #admit(member: Member): void {
    this.#group(member.group).members.add(member)
    this.topic(member.topic).members.add(member)
    this.rebalance(member.group)
  }

  /** Deals the partitions out anew; every member goes on from the committed offsets. */
  rebalance(groupName: string): void {
    const group = this.#group(groupName)
    group.generation += 1
    const byTopic = Map.groupBy(group.members, (member) => member.topic)
    for (const [topicName, members] of byTopic) {
      const committed = group.committed.get(topicName)
      for (const member of members) member.positions.clear()
      for (let partition = 0; partition < this.partitions; partition++) {
        members[partition % members.length]?.positions.set(partition, committed?.get(partition) ?? 0)
      }
      wake(members)
    }
  }

  /** Moves the position of whoever holds the partition, the committed offset stays. */
  seek(groupName: string, topicName: string, partition: number, offset: number): void {
    for (const member of this.#group(groupName).members) {
      if (member.topic === topicName && member.positions.has(partition)) member.positions.set(partition, offset)
    }
    wake(this.#group(groupName).members)
  }

  /** What waits for the member, of all its partitions, up to `maxRecords`; if nothing, closes `ready`. */
  poll(member: Member, maxRecords: number): RecordBatch | undefined {
    const records: Array<KafkaRecord> = []
    const highWatermarks = new Map<number, number>()
    if (this.#available) {
      const topic = this.topic(member.topic)
      const assigned = [...member.positions]
      const first = assigned.length === 0 ? 0 : member.turn++ % assigned.length
      for (const [partition, position] of [...assigned.slice(first), ...assigned.slice(0, first)]) {
        const log = topic.partitions[partition] ?? []
        const until = Math.min(log.length, position + maxRecords - records.length)
        if (until <= position) continue
        for (let offset = position; offset < until; offset++) {
          const record = log[offset]
          if (record !== undefined) records.push(record)
        }
        member.positions.set(partition, until)
        highWatermarks.set(partition, log.length)
      }
    }
    if (records.length === 0) {
      member.ready.closeUnsafe()
      return undefined
    }
    return { topic: member.topic, generation: this.#group(member.group).generation, records, highWatermarks }
  }

  /**
   * Commits offsets by partition; says `false`, and commits nothing, when the group has another generation now, or a
   * partition is not held by a member that belongs to this process.
   */
  commit(
    client: symbol,
    groupName: string,
    topicName: string,
    generation: number,
    offsets: ReadonlyMap<number, number>
  ): boolean {
    const group = this.#group(groupName)
    if (group.generation !== generation) return false
    const held = new Set<number>()
    for (const member of group.members) {
      if (member.client === client && member.topic === topicName)
        for (const partition of member.positions.keys()) held.add(partition)
    }
    for (const partition of offsets.keys()) if (!held.has(partition)) return false
    const committed = group.committed.get(topicName) ?? new Map<number, number>()
    for (const [partition, offset] of offsets) committed.set(partition, offset)
    group.committed.set(topicName, committed)
    return true
  }

  /** Commits these offsets and delivers from there; says `false`, and changes nothing, where `commit` would. */
  goOnAt(member: Member, generation: number, offsets: ReadonlyMap<number, number>): boolean {
    if (!this.commit(member.client, member.group, member.topic, generation, offsets)) return false
    for (const [partition, offset] of offsets) this.seek(member.group, member.topic, partition, offset)
    return true
  }

  generation(groupName: string): number {
    return this.#group(groupName).generation
  }

  lag(topicName: string, groupName: string) {
    const committed = this.#group(groupName).committed.get(topicName)
    return this.topic(topicName).partitions.map((log, partition) => ({
      partition,
      start: 0,
      committed: committed?.get(partition) ?? 0,
      end: log.length
    }))
  }

  #group(name: string): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = { members: new Set(), generation: 0, committed: new Map() }
      this.#groups.set(name, group)
    }
    return group
  }
}

const wake = (members: Iterable<Member>): void => {
  for (const member of members) member.ready.openUnsafe()
}
