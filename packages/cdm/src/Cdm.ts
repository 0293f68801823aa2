/** CDM: keeps the ledger of contributions, the two marts that are its sums, and the tags that the rules give. */
import type * as Kafka from "@metka/core/Kafka"
import { BadRecord } from "@metka/core/messages/BadRecord"
import { type CdmStat, decodeCdmStats } from "@metka/core/messages/CdmStats"
import { header, readHeader, readOrderVersion, readReferenceVersion } from "@metka/core/messages/headers"
import { fixedWidth, isTimestamp } from "@metka/core/messages/Timestamp"
import * as Metrics from "@metka/core/Metrics"
import * as Pipeline from "@metka/core/Pipeline"
import { Topology } from "@metka/core/Topology"
import { Effect, Result } from "effect"
import * as Repository from "./CdmRepository.ts"
import { type Contribution, contribution, counterChanges } from "./counters.ts"
import { type Name, newestNames, takeNames } from "./Names.ts"
import { type CategoryCount, decideTags } from "./rules.ts"
import { publishTags } from "./TagOutbox.ts"
import * as Tags from "./TagRepository.ts"

/** What one order contributes, and the names that came with it. */
export interface OrderStats {
  readonly contribution: Contribution
  readonly stats: ReadonlyArray<CdmStat>
  readonly namesVersion: string
  readonly guestId: string | undefined
}

const bad = (detail: string) => Result.fail(new BadRecord({ reason: "bad_header", detail }))

const orderIdOf = (record: Kafka.KafkaRecord): Result.Result<string, BadRecord> =>
  Result.flatMap(readHeader(record, header.orderId), (text) => {
    if (text === undefined) {
      return Result.succeed([record.topic, record.partition, record.offset, record.timestamp].join(":"))
    }
    return /^[1-9]\d{0,15}$/.test(text) ? Result.succeed(text) : bad("order-id: expected a decimal number")
  })

const orderDateOf = (record: Kafka.KafkaRecord): Result.Result<string | null, BadRecord> =>
  Result.flatMap(readHeader(record, header.orderDate), (text) => {
    if (text === undefined) return Result.succeed(null)
    return isTimestamp(text) ? Result.succeed(fixedWidth(text)) : bad("order-date: expected YYYY-MM-DD HH:MM:SS")
  })

const decode = (record: Kafka.KafkaRecord): Result.Result<OrderStats, BadRecord> =>
  Result.map(
    Result.all({
      decoded: decodeCdmStats(record.value),
      orderId: orderIdOf(record),
      orderVersion: readOrderVersion(record),
      orderDate: orderDateOf(record),
      namesVersion: readReferenceVersion(record, header.restaurantVersion)
    }),
    ({ decoded: { value: stats }, namesVersion, orderDate, orderId, orderVersion }) => ({
      contribution: contribution(orderId, orderVersion, orderDate, stats),
      stats,
      namesVersion,
      guestId: record.key === null ? undefined : storableKey(record.key)
    })
  )

const storableKey = (key: Uint8Array): string | undefined => {
  const text = Buffer.from(key).toString("utf8")
  return text === "" || text.includes("\u0000") ? undefined : text
}

type ReceivedStats = Pipeline.Received<OrderStats>

interface Prepared {
  readonly received: ReadonlyArray<ReceivedStats>
  /** The newest version of each order in the batch, sorted by order. */
  readonly newest: ReadonlyArray<Contribution>
}

const prepare = (received: ReadonlyArray<ReceivedStats>): Prepared => {
  const newest = new Map<string, Contribution>()
  for (const { message } of received) {
    const { contribution } = message
    const held = newest.get(contribution.orderId)
    if (held === undefined || held.version < contribution.version) newest.set(contribution.orderId, contribution)
  }
  return { received, newest: [...newest.values()].sort((a, b) => (a.orderId < b.orderId ? -1 : 1)) }
}

/** What news brings beside contributions: names, and the app's ids of guests. */
const newsOf = (received: ReadonlyArray<ReceivedStats>) => {
  const products: Array<Name> = []
  const categories: Array<Name> = []
  const guests = new Map<string, string>()
  for (const { message } of received) {
    const { contribution, guestId, namesVersion, stats } = message
    for (const stat of stats) {
      products.push({ id: stat.product_id.toLowerCase(), name: stat.product_name, version: namesVersion })
      categories.push({ id: stat.category_id.toLowerCase(), name: stat.category_name, version: namesVersion })
    }
    if (contribution.userId !== null && guestId !== undefined) guests.set(contribution.userId, guestId)
  }
  return { products: newestNames(products), categories: newestNames(categories), guests }
}

/** The trace of the order that moved a guest's counter of a category: of several in a batch, the last. */
const tracesOf = (received: ReadonlyArray<ReceivedStats>, replaced: ReadonlyMap<string, Contribution>) => {
  const traces = new Map<string, string>()
  const keyOf = (userId: string | null, categoryId: string) => `${userId} ${categoryId}`
  for (const { message, traceparent } of received) {
    for (const moved of [replaced.get(message.contribution.orderId), message.contribution]) {
      for (const categoryId of moved?.categoryIds ?? [])
        traces.set(keyOf(moved?.userId ?? null, categoryId), traceparent)
    }
  }
  return ({ categoryId, userId }: CategoryCount) => traces.get(keyOf(userId, categoryId))
}

/** Puts the newest contributions into the ledger; says what they replace, and which orders they are news of. */
const record = Effect.fnUntraced(function* (newest: ReadonlyArray<Contribution>) {
  const fresh = yield* Repository.insertContributions(newest)
  const known = newest.filter((contribution) => !fresh.has(contribution.orderId))
  const held = known.length === 0 ? [] : yield* Repository.lockContributions(known.map(({ orderId }) => orderId))
  const before = new Map(held.map((contribution) => [contribution.orderId, contribution]))
  const replacing = known.filter(({ orderId, version }) => {
    const held = before.get(orderId)
    return held !== undefined && held.version < version
  })
  yield* Repository.replaceContributions(replacing)
  return {
    before,
    replaced: replacing.flatMap(({ orderId }) => before.get(orderId) ?? []),
    replacing: [...newest.filter(({ orderId }) => fresh.has(orderId)), ...replacing],
    duplicate: known.filter(({ orderId, version }) => before.get(orderId)?.version === version).length
  }
})

/** Gives and takes tags where counters changed. */
const tag = Effect.fnUntraced(function* (
  counts: ReadonlyArray<CategoryCount>,
  received: ReadonlyArray<ReceivedStats>,
  replaced: ReadonlyMap<string, Contribution>
) {
  if (counts.length === 0) return
  const { held, rules } = yield* Tags.rulesAndTagsOf([...new Set(counts.map((count) => count.userId))])
  const changes = decideTags(rules, counts, held)
  yield* Tags.writeTags(changes, tracesOf(received, replaced))
  yield* Metrics.recordTags({ given: changes.given.length, taken: changes.taken.length })
})

const store = Effect.fnUntraced(function* ({ newest, received }: Prepared) {
  if (newest.length === 0) return { outgoing: [], outcomes: {} }
  const { before, duplicate, replaced, replacing } = yield* record(newest)
  // An older version than the one held brings nothing, not even a name.
  const newer = received.filter(
    ({ message: { contribution } }) => (before.get(contribution.orderId)?.version ?? "") < contribution.version
  )
  const { guests, ...named } = newsOf(newer)
  const { hasNewCategory, names } = yield* takeNames(named)
  if (hasNewCategory) yield* Tags.bindRules
  const counts = yield* Repository.changeMarts({
    products: counterChanges(replaced, replacing, ({ productIds }) => productIds),
    categories: counterChanges(replaced, replacing, ({ categoryIds }) => categoryIds),
    names,
    guests
  })
  yield* tag(counts, newer, before)
  const accepted = replacing.length
  return { outgoing: [], outcomes: { accepted, duplicate, stale: received.length - accepted - duplicate } }
})

/** Runs CDM's stream of contributions. */
export const run = Effect.gen(function* () {
  const topology = yield* Topology
  yield* Pipeline.run({
    service: "cdm",
    topic: topology.cdmStats,
    group: topology.groupCdm,
    output: topology.guestTags,
    maxRecords: topology.maxBatchRecords,
    decode,
    enrich: (received: ReadonlyArray<ReceivedStats>) => Effect.sync(() => prepare(received)),
    store,
    announce: publishTags
  })
})
