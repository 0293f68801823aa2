/**
 * Offsets that are never delivered: markers of transactions, and records of transactions that were aborted. No record
 * behind them takes a commit past them where they end a partition, and its lag would never end.
 */

interface Partition {
  /** Behind the last record that was delivered, `undefined` before the first. */
  readonly delivered: number | undefined
  /** Behind all that was fetched: between the two nothing is delivered. */
  readonly fetched: number
  /** As the group knows it. */
  readonly committed: number
}

/** Of the partitions of one generation. All offsets are of the record behind, as they are committed. */
export class SkippedOffsets {
  readonly #partitions = new Map<number, Partition>()

  /** Call this with every fetch, in order; `delivered` is `undefined` when all of it is skipped. */
  fetched(partition: number, delivered: number | undefined, fetched: number): void {
    const held = this.#partitions.get(partition)
    // Of a topic that was made anew nothing is committed.
    const before = held === undefined || held.fetched > fetched ? undefined : held
    this.#partitions.set(partition, {
      delivered: delivered ?? before?.delivered,
      fetched,
      committed: before?.committed ?? -1
    })
  }

  /** What to commit when everything before `offset` is done. */
  past(partition: number, offset: number): number {
    const held = this.#partitions.get(partition)
    return held?.delivered === offset ? held.fetched : offset
  }

  committed(partition: number, offset: number): void {
    const held = this.#partitions.get(partition)
    if (held !== undefined) this.#partitions.set(partition, { ...held, committed: Math.max(held.committed, offset) })
  }

  /**
   * What can be committed although no record is: everything before it was done, or was skipped.
   * @param isBegun whether records of the partition were delivered in any generation: they may not be done yet
   */
  due(partition: number, isBegun: boolean): number | undefined {
    const held = this.#partitions.get(partition)
    if (held === undefined || held.committed >= held.fetched) return undefined
    const isDone = held.delivered === undefined ? !isBegun : held.committed >= held.delivered
    return isDone ? held.fetched : undefined
  }

  /** A new generation is delivered all again that was not committed. */
  clear(): void {
    this.#partitions.clear()
  }

  forget(partition: number): void {
    this.#partitions.delete(partition)
  }
}
