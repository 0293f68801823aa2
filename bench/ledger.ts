/** When orders are in the marts: one connection asks the ledger for those that are still on their way. */
import { Deferred, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql"

export interface Seen {
  /** Milliseconds by `performance.now()`. */
  readonly sentAt: number
  readonly seenAt: number
}

export interface LedgerWatch {
  /** Sends an order, and waits until its row is committed; the counters are of the same transaction. */
  see<E, R>(orderId: number, send: Effect.Effect<void, E, R>): Effect.Effect<Seen, E, R>
  /** Milliseconds from one question to the next, each of them: no order is seen sharper than this, only later. */
  readonly intervals: ReadonlyArray<number>
}

/** An order that has waited for long is asked for less often: 2 % of its wait is sharp enough, and asking costs. */
const pauseMillis = (waitedMillis: number): number => Math.min(20, Math.max(1, waitedMillis / 50))

/**
 * Asks once a millisecond from when an order could be there: asking takes of the two cores what the services would have
 * had, so nobody is asked for in less than four fifths of the shortest time that an order has taken.
 */
export const watchLedger = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const waiting = new Map<string, { readonly sentAt: number; readonly seen: Deferred.Deferred<number> }>()
  const intervals: Array<number> = []
  let shortestMillis = 0

  const ask: Effect.Effect<void, SqlError.SqlError> = Effect.gen(function* () {
    const rows = yield* sql<{ order_id: string }>`
      select order_id from cdm.order_contributions where order_id = any(${[...waiting.keys()]}::text[])`
    const now = performance.now()
    for (const { order_id } of rows) {
      const order = waiting.get(order_id)
      waiting.delete(order_id)
      if (order === undefined) continue
      const taken = now - order.sentAt
      shortestMillis = shortestMillis === 0 ? taken : Math.min(shortestMillis, taken)
      yield* Deferred.succeed(order.seen, now)
    }
  })

  const watch: Effect.Effect<never, SqlError.SqlError> = Effect.gen(function* () {
    let askedAt = Number.NaN
    for (;;) {
      const [oldest] = waiting.values()
      if (oldest === undefined || performance.now() - oldest.sentAt < shortestMillis * 0.8) {
        askedAt = Number.NaN
      } else {
        const now = performance.now()
        if (!Number.isNaN(askedAt)) intervals.push(now - askedAt)
        askedAt = now
        yield* ask
      }
      // A map keeps its order: the last is the youngest, whose wait is the shortest.
      const youngest = [...waiting.values()].at(-1)
      yield* Effect.sleep(pauseMillis(youngest === undefined ? 0 : performance.now() - youngest.sentAt))
    }
  })
  yield* Effect.forkScoped(Effect.orDie(watch))

  const ledger: LedgerWatch = {
    see: (orderId, send) =>
      Effect.gen(function* () {
        const seen = yield* Deferred.make<number>()
        const sentAt = performance.now()
        waiting.set(String(orderId), { sentAt, seen })
        yield* send
        return { sentAt, seenAt: yield* Deferred.await(seen) }
      }),
    intervals
  }
  return ledger
})
