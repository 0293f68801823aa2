/**
 * The retry of parked orders: whichever replica is free takes those that are due, looks their references up again,
 * stores the enrichment, publishes, and only then lets them go. A crash in between repeats the publishing, with the
 * enrichment that was stored.
 */
import { keepDeadLetters } from "@metka/core/DeadLetters"
import { endingWithin } from "@metka/core/endingWithin"
import type { SourcePayload } from "@metka/core/messages/SourceOrder"
import * as Metrics from "@metka/core/Metrics"
import { describe, retryWhile } from "@metka/core/Outage"
import { publishIsolated, type Refused } from "@metka/core/publishIsolated"
import { ReferenceData } from "@metka/core/ReferenceData"
import { Topology } from "@metka/core/Topology"
import { transaction } from "@metka/core/transaction"
import { Duration, Effect, Result } from "effect"
import { resolve, toOutgoing } from "./enrich.ts"
import { readStoredEnrichment, readStoredOrder, unreadableText } from "./readStoredOrder.ts"
import * as Repository from "./StgRepository.ts"

const batchSize = 500

/** Long for what is asked of PostgreSQL here. An order that waits is due again after a minute, whoever takes it then. */
const bounded = <A, E, R>(work: Effect.Effect<A, E, R>) => endingWithin(work, "50 seconds")

/** A due order that can be read. */
interface Due extends Repository.DueOrder {
  readonly payload: SourcePayload
}

/** One that cannot be read waits on: it is due again within a minute, and nobody but an operator can help it. */
const readDue = Effect.fnUntraced(function* (taken: ReadonlyArray<Repository.DueOrder>) {
  const due: Array<Due> = []
  const unreadable: Array<string> = []
  for (const order of taken) {
    const stored = readStoredOrder(order.texts)
    if (Result.isSuccess(stored)) due.push({ ...order, payload: stored.success.payload })
    else unreadable.push(unreadableText(`the parked order ${order.objectId} waits on`, stored.failure))
  }
  const [first] = unreadable
  // One for all: of a wreck there may be thousands, each minute.
  if (first !== undefined) {
    yield* Effect.logError(
      unreadable.length === 1
        ? first
        : `${first}. ${unreadable.length - 1} more of this round wait likewise: npx metka verify names all of them`
    )
  }
  return due
})

/** Looks the references up, stores what was found, and returns the orders that have their enrichment now. */
const enrichDue = Effect.fnUntraced(function* (due: ReadonlyArray<Due>) {
  const references = yield* ReferenceData
  const known = yield* references.find(
    new Set(due.map(({ payload }) => payload.user.id)),
    new Set(due.map(({ payload }) => payload.restaurant.id))
  )
  const looked = due.map((order) => ({ order, resolution: resolve(order.payload, known) }))
  const found = looked.flatMap(({ order, resolution }) =>
    resolution._tag === "Enriched" ? [{ ...order, enrichment: JSON.stringify(resolution.enrichment) }] : []
  )
  const missing = looked.flatMap(({ order, resolution }) =>
    resolution._tag === "Unknown" ? [{ ...order, missing: resolution.missing }] : []
  )
  yield* transaction(Effect.andThen(Repository.storeEnrichments(found), Repository.noteMissing(missing)))
  const held = yield* Repository.heldOrders(due.map(({ objectId }) => objectId))
  return due.flatMap((order) => {
    const now = held.get(order.objectId)
    if (now?.version !== order.version || now.enrichment === undefined) return []
    // One that was spoilt since it was taken is told of in the next round.
    return Result.match(readStoredEnrichment(now.enrichment, order.payload), {
      onFailure: () => [],
      onSuccess: (enrichment) => [{ ...order, enrichment }]
    })
  })
})

/** An order whose enriched message no broker takes stops waiting: its payload and the reason go to the dead letters. */
const deadLetterOf = ({ item, refusal }: Refused<Due>) => ({
  record: { ...item.delivery, key: null, value: Buffer.from(item.texts.payload), headers: new Map() },
  bad: refusal
})

/** One round over the orders that are due. Returns how many were taken. */
const retryDueOrders = Effect.gen(function* () {
  const { stgOrders } = yield* Topology
  const taken = yield* bounded(Repository.takeDueOrders(batchSize))
  const due = yield* readDue(taken)
  if (due.length === 0) return taken.length
  const ready = yield* bounded(enrichDue(due))
  if (ready.length === 0) return taken.length
  const refused = yield* publishIsolated(stgOrders, ready, toOutgoing)
  yield* bounded(
    transaction(Effect.andThen(keepDeadLetters("stg", refused.map(deadLetterOf)), Repository.unparkOrders(ready)))
  )
  return taken.length
}).pipe(Effect.withSpan("retry parked orders", { root: true }))

const pauseBetweenRounds = Duration.seconds(1)
/** An order parked meanwhile is tried that much later the first time. */
const pauseWhileNoneIsParked = Duration.seconds(4)

/** Retries for as long as the service runs; after an outage the next round tries again. */
export const run = Effect.gen(function* () {
  const round = Effect.gen(function* () {
    const parked = yield* bounded(Repository.countParked)
    yield* Metrics.setParkedOrders(parked)
    if (parked.due > 0) yield* Effect.repeat(retryDueOrders, { while: (taken) => taken === batchSize })
    return parked.count === 0 ? pauseWhileNoneIsParked : pauseBetweenRounds
  }).pipe(
    Effect.tapError((error) => Effect.logWarning(`parked orders wait for the next round: ${describe(error)}`)),
    Effect.retry(retryWhile(() => true))
  )
  yield* Effect.forever(Effect.flatMap(round, Effect.sleep))
})
