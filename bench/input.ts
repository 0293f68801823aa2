/** The demo week where it has to be before anything is measured: in Redis, in Kafka, and in files for COPY. */
import { Kafka } from "@metka/core/Kafka"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import type { DemoMessage } from "@metka/cli/demo/DemoMessage"
import type { DemoWeek } from "@metka/cli/demo/demoWeek"
import { orderLines, referenceLines } from "@metka/cli/demo/demoFiles"
import { Effect } from "effect"
import { createWriteStream } from "node:fs"
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"

const pageSize = 2_000

export const loadReferences = Effect.fnUntraced(function* ({ references }: DemoWeek) {
  const data = yield* ReferenceData
  const documents = [...references.users, ...references.restaurants]
  yield* data.load(documents.map((document) => ({ id: document._id, json: JSON.stringify(document) })))
})

/** Creates all topics. */
export const createTopics = Effect.gen(function* () {
  const kafka = yield* Kafka
  const { cdmStats, guestTags, orders, stgOrders } = yield* Topology
  yield* kafka.ensureTopics([orders, stgOrders, cdmStats, guestTags])
})

/**
 * Creates all topics and sends every message in the order in which the app would have. Returns the seconds it took.
 * @param afterPage what to wait for after so many messages, before the next are made
 */
export const publishOrders = Effect.fnUntraced(function* <E = never, R = never>(
  { messages }: DemoWeek,
  afterPage: (count: number) => Effect.Effect<void, E, R> = () => Effect.void
) {
  const kafka = yield* Kafka
  const { orders } = yield* Topology
  yield* createTopics
  const startedAt = performance.now()
  const iterator = messages[Symbol.iterator]()
  for (;;) {
    const page: Array<DemoMessage> = []
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      page.push(next.value)
      if (page.length === pageSize) break
    }
    if (page.length === 0) break
    yield* kafka.publish(
      orders,
      page.map(({ key, value }) => ({ key, value, headers: {} }))
    )
    yield* afterPage(page.length)
  }
  return (performance.now() - startedAt) / 1_000
})

export interface InputFiles {
  /** A message a line. */
  readonly orders: string
  /** A document a line, guests and restaurants. */
  readonly references: string
}

/** JSON text holds no control character but these line ends, so no quoting is needed. PostgreSQL's user may read them. */
export const writeFiles = (week: DemoWeek, folder: string): Effect.Effect<InputFiles> =>
  Effect.promise(async () => {
    const files: InputFiles = { orders: join(folder, "orders.jsonl"), references: join(folder, "references.jsonl") }
    const write = async (lines: Iterable<string>, file: string) => {
      await pipeline(Readable.from(withLineEnds(lines)), createWriteStream(file, { mode: 0o644 }))
    }
    await chmod(folder, 0o755)
    await write(orderLines(week), files.orders)
    await write(referenceLines(week), files.references)
    return files
  })

function* withLineEnds(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${line}\n`
}
