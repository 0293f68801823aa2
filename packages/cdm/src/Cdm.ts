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
import { categoryNames, type Name, newestNames, productNames, takeNames } from "./Names.ts"
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

const decode = (record: Kafka.KafkaRecord) =>
  Result.gen(function* () {
    const { value: stats } = yield* decodeCdmStats(record.value)
    return {
      contribution: contribution(
        yield* orderIdOf(record),
        yield* readOrderVersion(record),
        yield* orderDateOf(record),
        stats
      ),
      stats,
      namesVersion: yield* readReferenceVersion(record, header.restaurantVersion),
      guestId: record.key === null ? undefined : storableKey(record.key)
    } satisfies OrderStats
  })

const storableKey = (key: Uint8Array): string | undefined => {
  const text = Buffer.from(key).toString("utf8")
  return text === "" || text.includes("\u0000") ? undefined : text
}

interface Prepared {
  readonly newest: ReadonlyArray<Contribution>
  readonly superseded: number
  readonly products: ReadonlyArray<Name>
  readonly categories: ReadonlyArray<Name>
  readonly guests: ReadonlyMap<string, string>
  readonly traces: ReadonlyMap<string, string>
}

const prepare = (received: ReadonlyArray<Pipeline.Received<OrderStats>>): Prepared => {
  const newest = new Map<string, Contribution>()
  const products: Array<Name> = []
  const categories: Array<Name> = []
  const guests = new Map<string, string>()
  const traces = new Map<string, string>()
  for (const {
    message: { contribution, guestId, namesVersion, stats },
    traceparent
  } of received) {
    const held = newest.get(contribution.orderId)
    if (held === undefined || held.version < contribution.version) newest.set(contribution.orderId, contribution)
    for (const stat of stats) {
      products.push({ id: stat.product_id.toLowerCase(), name: stat.product_name, version: namesVersion })
      categories.push({ id: stat.category_id.toLowerCase(), name: stat.category_name, version: namesVersion })
    }
    if (contribution.userId !== null) {
      traces.set(contribution.userId, traceparent)
      if (guestId !== undefined) guests.set(contribution.userId, guestId)
    }
  }
  return {
    newest: [...newest.values()].sort((a, b) => (a.orderId < b.orderId ? -1 : 1)),
    superseded: received.length - newest.size,
    products: newestNames(products),
    categories: newestNames(categories),
    guests,
    traces
  }
}

/** Puts the newest contributions into the ledger; says which they replace. */
const record = Effect.fnUntraced(function* (newest: ReadonlyArray<Contribution>) {
  const fresh = yield* Repository.insertContributions(newest)
  const known = newest.filter((contribution) => !fresh.has(contribution.orderId))
  const held = known.length === 0 ? [] : yield* Repository.lockContributions(known.map(({ orderId }) => orderId))
  const versions = new Map(held.map((contribution) => [contribution.orderId, contribution]))
  const replacing = known.filter((contribution) => {
    const before = versions.get(contribution.orderId)
    return before !== undefined && before.version < contribution.version
  })
  yield* Repository.replaceContributions(replacing)
  const replaced = replacing.flatMap(({ orderId }) => versions.get(orderId) ?? [])
  const duplicates = known.filter(({ orderId, version }) => versions.get(orderId)?.version === version).length
  return {
    replaced,
    replacing: [...newest.filter(({ orderId }) => fresh.has(orderId)), ...replacing],
    outcomes: {
      accepted: fresh.size + replacing.length,
      duplicate: duplicates,
      stale: known.length - replacing.length - duplicates
    }
  }
})

/** Gives and takes tags where counters changed. */
const tag = Effect.fnUntraced(function* (counts: ReadonlyArray<CategoryCount>, traces: ReadonlyMap<string, string>) {
  const rules = yield* Tags.activeRules
  const categories = new Set(rules.map((rule) => rule.categoryId))
  const relevant = counts.filter((count) => categories.has(count.categoryId))
  if (relevant.length === 0) return
  const relevantCategories = new Set(relevant.map((count) => count.categoryId))
  const held = yield* Tags.heldTags(
    [...new Set(relevant.map((count) => count.userId))],
    rules.filter((rule) => relevantCategories.has(rule.categoryId)).map((rule) => rule.tag)
  )
  const changes = decideTags(rules, relevant, held)
  yield* Tags.writeTags(changes, traces)
  yield* Metrics.recordTags({ given: changes.given.length, taken: changes.taken.length })
})

const store = Effect.fnUntraced(function* (prepared: Prepared) {
  if (prepared.newest.length === 0) return { outgoing: [], outcomes: {} }
  yield* Tags.lockRules("shared")
  const { outcomes, replaced, replacing } = yield* record(prepared.newest)
  const products = yield* takeNames(productNames, prepared.products)
  const categories = yield* takeNames(categoryNames, prepared.categories)
  yield* Repository.insertGuests(prepared.guests)
  yield* Repository.changeProductCounters(
    counterChanges(replaced, replacing, ({ productIds }) => productIds),
    products
  )
  const counts = yield* Repository.changeCategoryCounters(
    counterChanges(replaced, replacing, ({ categoryIds }) => categoryIds),
    categories
  )
  yield* tag(counts, prepared.traces)
  return { outgoing: [], outcomes: { ...outcomes, stale: outcomes.stale + prepared.superseded } }
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
    enrich: (received: ReadonlyArray<Pipeline.Received<OrderStats>>) => Effect.sync(() => prepare(received)),
    store,
    announce: publishTags
  })
})
