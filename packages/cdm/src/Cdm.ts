/** CDM: keeps the ledger of contributions, the two marts that are its sums, and the tags that the rules give. */
import type * as Kafka from "@metka/core/Kafka"
import { BadRecord } from "@metka/core/messages/BadRecord"
import { type CdmStat, decodeCdmStats } from "@metka/core/messages/CdmStats"
import { header, readHeader, readOrderVersion, readOrigin, readReferenceVersion } from "@metka/core/messages/headers"
import { placeText } from "@metka/core/messages/place"
import { fixedWidth, isTimestamp } from "@metka/core/messages/Timestamp"
import * as Metrics from "@metka/core/Metrics"
import * as Pipeline from "@metka/core/Pipeline"
import type { Received } from "@metka/core/Stage"
import { inputsOf, Topology } from "@metka/core/Topology"
import { pauseIn } from "@metka/core/turns"
import { Clock, Effect, Result } from "effect"
import { SqlClient } from "effect/sql"
import * as Repository from "./CdmRepository.ts"
import { bothChanges, type Contribution, contribution, type CounterChange, counterChanges } from "./counters.ts"
import { type Name, newestNames, type OfKinds, rememberedNames, takeNames } from "./Names.ts"
import { type CategoryCount, decideTags, isWindowed } from "./rules.ts"
import * as TagOutbox from "./TagOutbox.ts"
import * as Tags from "./TagRepository.ts"
import type { DatedOrder } from "./windows.ts"

/** What one order contributes, and the names that came with it. */
export interface OrderStats {
  readonly contribution: Contribution
  readonly names: OfKinds<ReadonlyArray<Name>>
  readonly guestId: string | undefined
}

const productName = rememberedNames()
const categoryName = rememberedNames()

/** The names of dishes and categories, in the order of the rows. */
const namesOf = (stats: ReadonlyArray<CdmStat>, version: string): OfKinds<ReadonlyArray<Name>> => ({
  products: stats.map((stat) => productName(stat.product_id, stat.product_name, version)),
  categories: stats.map((stat) => categoryName(stat.category_id, stat.category_name, version))
})

const bad = (detail: string) => Result.fail(new BadRecord({ reason: "bad_header", detail }))

const orderIdOf = (record: Kafka.KafkaRecord): Result.Result<string, BadRecord> =>
  Result.flatMap(readHeader(record, header.orderId), (text) => {
    if (text === undefined) return Result.map(readOrigin(record), placeText)
    const isOrderId = /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text))
    return isOrderId ? Result.succeed(text) : bad("order-id: expected an integer from 1 to 2^53 − 1")
  })

const orderDateOf = (record: Kafka.KafkaRecord): Result.Result<string | null, BadRecord> =>
  Result.flatMap(readHeader(record, header.orderDate), (text) => {
    if (text === undefined) return Result.succeed(null)
    return isTimestamp(text) ? Result.succeed(fixedWidth(text)) : bad("order-date: expected YYYY-MM-DD HH:MM:SS")
  })

const decode = (record: Kafka.KafkaRecord): Result.Result<OrderStats, BadRecord> =>
  Result.map(
    Result.all({
      stats: decodeCdmStats(record.value),
      orderId: orderIdOf(record),
      orderVersion: readOrderVersion(record),
      orderDate: orderDateOf(record),
      namesVersion: readReferenceVersion(record, header.restaurantVersion)
    }),
    ({ namesVersion, orderDate, orderId, orderVersion, stats }) => {
      const names = namesOf(stats, namesVersion)
      return {
        contribution: contribution({
          orderId,
          version: orderVersion,
          userId: stats[0]?.user_id ?? null,
          orderDate,
          productIds: names.products.map(({ id }) => id),
          categoryIds: names.categories.map(({ id }) => id)
        }),
        names,
        guestId: record.key === null ? undefined : storableKey(record.key)
      }
    }
  )

const storableKey = (key: Uint8Array): string | undefined => {
  const text = Buffer.from(key).toString("utf8")
  return text === "" || text.includes("\u0000") ? undefined : text
}

type ReceivedStats = Received<OrderStats>

/** What news brings beside contributions: names, and the app's ids of guests. */
interface News {
  readonly names: OfKinds<ReadonlyArray<Name>>
  readonly guests: ReadonlyMap<string, string>
}

type Counters = OfKinds<ReadonlyArray<CounterChange>>

interface Prepared {
  readonly received: ReadonlyArray<ReceivedStats>
  /** The newest version of each order in the batch, sorted by order. */
  readonly newest: ReadonlyArray<Contribution>
  readonly columns: Repository.ContributionColumns
  readonly news: News
  /** What changes if the ledger knows none of the orders. */
  readonly counters: Counters
}

const byOrderAndVersion = (a: Contribution, b: Contribution): number => {
  if (a.orderId !== b.orderId) return a.orderId < b.orderId ? -1 : 1
  return a.version < b.version ? -1 : 1
}

const newestOf = (received: ReadonlyArray<ReceivedStats>): ReadonlyArray<Contribution> =>
  received
    .map(({ message }) => message.contribution)
    .sort(byOrderAndVersion)
    .filter(({ orderId }, index, sorted) => orderId !== sorted[index + 1]?.orderId)

const newsOf = (received: ReadonlyArray<ReceivedStats>): News => {
  const products: Array<Name> = []
  const categories: Array<Name> = []
  const guests = new Map<string, string>()
  for (const { message } of received) {
    const { contribution, guestId, names } = message
    products.push(...names.products)
    categories.push(...names.categories)
    if (contribution.userId !== null && guestId !== undefined) guests.set(contribution.userId, guestId)
  }
  return { names: { products: newestNames(products), categories: newestNames(categories) }, guests }
}

const changesOf = (replaced: ReadonlyArray<Contribution>, replacing: ReadonlyArray<Contribution>): Counters => ({
  products: counterChanges(replaced, replacing, ({ productIds }) => productIds),
  categories: counterChanges(replaced, replacing, ({ categoryIds }) => categoryIds)
})

/** What a batch brings if the ledger knows none of its orders. */
const prepare = Effect.fnUntraced(function* (received: ReadonlyArray<ReceivedStats>) {
  const newest = newestOf(received)
  yield* pauseIn(received)
  const news = newsOf(received)
  yield* pauseIn(received)
  const counters = changesOf([], newest)
  yield* pauseIn(received)
  const prepared: Prepared = {
    received,
    newest,
    columns: yield* Repository.contributionColumns(newest),
    news,
    counters
  }
  return prepared
})

/** The trace of the order that moved a guest's counter of a category: of several in a batch, the last. */
const traceOf = (
  received: ReadonlyArray<ReceivedStats>,
  replaced: ReadonlyMap<string, Contribution>,
  guests: ReadonlySet<string>
) => {
  const moves: Array<{ readonly moved: Contribution; readonly traceparent: string }> = []
  const add = (moved: Contribution | undefined, traceparent: string) => {
    if (typeof moved?.userId === "string" && guests.has(moved.userId)) moves.push({ moved, traceparent })
  }
  for (const { message, traceparent } of received) {
    add(replaced.get(message.contribution.orderId), traceparent)
    add(message.contribution, traceparent)
  }
  const ofGuests = Map.groupBy(moves, ({ moved }) => moved.userId)
  return ({ categoryId, userId }: CategoryCount) => {
    const ofGuest = ofGuests.get(userId)
    const cause = ofGuest?.findLast(({ moved }) => moved.categoryIds.includes(categoryId))
    // An order of other categories moves a window, too.
    return (cause ?? ofGuest?.at(-1))?.traceparent
  }
}

/** Puts the newest contributions into the ledger; says what they replace, and which are no news. */
const record = Effect.fnUntraced(function* ({ columns, newest }: Pick<Prepared, "columns" | "newest">) {
  const knownIds = yield* Repository.insertContributions(columns)
  const known = knownIds.size === 0 ? [] : newest.filter(({ orderId }) => knownIds.has(orderId))
  const held = known.length === 0 ? [] : yield* Repository.lockContributions(known.map(({ orderId }) => orderId))
  const before = new Map(held.map((contribution) => [contribution.orderId, contribution]))
  const isNews = ({ orderId, version }: Contribution) => {
    if (!knownIds.has(orderId)) return true
    const held = before.get(orderId)
    return held !== undefined && held.version < version
  }
  const replacing = known.filter(isNews)
  yield* Repository.replaceContributions(replacing)
  return {
    before,
    areAllNew: known.length === 0,
    isNews,
    passedOver: known.filter((contribution) => !isNews(contribution)),
    replaced: replacing.flatMap(({ orderId }) => before.get(orderId) ?? [])
  }
})

/** What is known of these guests, as no other batch can change it before this one has decided by it. */
const evidenceOf = Effect.fnUntraced(function* (userIds: ReadonlyArray<string>) {
  const read = yield* Tags.rulesAndTagsOf(userIds)
  if (!read.rules.some(isWindowed)) return { ...read, orders: new Map<string, ReadonlyArray<DatedOrder>>() }
  yield* Tags.lockWindows
  const { held, rules } = yield* Tags.rulesAndTagsOf(userIds)
  return { rules, held, orders: yield* Tags.ordersInQuestion(rules.filter(isWindowed), userIds, held) }
})

/** Gives and takes tags where counters or orders changed; says how many. */
const tag = Effect.fnUntraced(function* (
  counts: ReadonlyArray<CategoryCount>,
  received: ReadonlyArray<ReceivedStats>,
  replaced: ReadonlyArray<Contribution>,
  before: ReadonlyMap<string, Contribution>
) {
  // An order's new date changes no counter, but where it is among the others.
  const touched = new Set([...counts, ...replaced].flatMap(({ userId }) => userId ?? []))
  if (touched.size === 0) return { given: 0, taken: 0 }
  const { held, orders, rules } = yield* evidenceOf([...touched])
  const changes = decideTags(rules, { counts, orders }, held)
  const guests = new Set([...changes.given, ...changes.taken].map(({ userId }) => userId))
  yield* Tags.writeTags(changes, new Date(yield* Clock.currentTimeMillis), traceOf(received, before, guests))
  return { given: changes.given.length, taken: changes.taken.length }
})

const store = Effect.fnUntraced(function* (prepared: Prepared) {
  const { counters, newest, news, received } = prepared
  if (newest.length === 0) return { outgoing: [], outcomes: {} }
  const { areAllNew, before, isNews, passedOver, replaced } = yield* record(prepared)
  // An older version than the one held brings nothing, not even a name.
  const newer = areAllNew ? received : received.filter(({ message }) => isNews(message.contribution))
  const { guests, names: named } = newer.length === received.length ? news : newsOf(newer)
  const known = changesOf([...replaced, ...passedOver], [])
  const products = bothChanges(counters.products, known.products)
  const categories = bothChanges(counters.categories, known.categories)
  const { names, newCategories } = yield* takeNames(named, { products, categories })
  if (newCategories.length > 0) yield* Tags.bindRules(newCategories)
  const counts = yield* Repository.changeMarts({ products, categories, names, guests })
  const tags = yield* tag(counts, newer, replaced, before)
  const sql = yield* SqlClient.SqlClient
  yield* sql.afterCommit(Metrics.recordTags(tags))
  const accepted = newest.length - passedOver.length
  const duplicate = passedOver.filter(({ orderId, version }) => before.get(orderId)?.version === version).length
  return { outgoing: [], outcomes: { accepted, duplicate, stale: received.length - accepted - duplicate } }
})

/** Without it there is nothing that CDM can do: what readiness asks PostgreSQL for. */
export const table = "cdm.order_contributions"

/** CDM's stream. */
export const contributions = Effect.gen(function* () {
  const topology = yield* Topology
  const [topic, group] = inputsOf(topology).cdm
  yield* Pipeline.run({
    service: "cdm",
    isFirst: false,
    topic,
    group,
    output: topology.guestTags,
    maxRecords: topology.maxBatchRecords,
    decode,
    enrich: prepare,
    store,
    announce: TagOutbox.publishTags
  })
})

/** Runs CDM: its stream, and beside it what is left to announce of tags. */
export const run = Effect.all([contributions, TagOutbox.run], { concurrency: "unbounded", discard: true })
