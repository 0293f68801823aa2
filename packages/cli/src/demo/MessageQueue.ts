/** Holds messages back until their turn, by `sentAt`; of two with the same, the one that was added first goes first. */
import type { DemoMessage } from "./DemoMessage.ts"

interface Entry {
  readonly message: DemoMessage
  readonly sequence: number
}

export interface MessageQueue {
  readonly add: (message: DemoMessage) => void
  /** Takes the next message if it was sent before the given moment. */
  readonly takeBefore: (epochMs: number) => DemoMessage | undefined
}

const isBefore = (a: Entry, b: Entry): boolean =>
  a.message.sentAt < b.message.sentAt || (a.message.sentAt === b.message.sentAt && a.sequence < b.sequence)

/** A binary heap: the week never has to be in memory as a whole. */
export const makeMessageQueue = (): MessageQueue => {
  const heap: Array<Entry> = []
  let sequence = 0

  const add = (message: DemoMessage): void => {
    const entry = { message, sequence: sequence++ }
    let index = heap.length
    while (index > 0) {
      const parentIndex = (index - 1) >>> 1
      const parent = heap[parentIndex]
      if (parent === undefined || isBefore(parent, entry)) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = entry
  }

  const sink = (entry: Entry): void => {
    let index = 0
    for (;;) {
      const leftIndex = 2 * index + 1
      const left = heap[leftIndex]
      if (left === undefined) break
      const right = heap[leftIndex + 1]
      const [child, childIndex] =
        right !== undefined && isBefore(right, left) ? [right, leftIndex + 1] : [left, leftIndex]
      if (isBefore(entry, child)) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = entry
  }

  const takeBefore = (epochMs: number): DemoMessage | undefined => {
    const first = heap[0]
    if (first === undefined || first.message.sentAt >= epochMs) return undefined
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) sink(last)
    return first.message
  }

  return { add, takeBefore }
}
