/**
 * When orders are in the marts: PostgreSQL tells of each commit to the ledger. Asking again and again would see an order
 * later, and take of the two cores what the services would have had; telling is part of what is measured.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Deferred, Effect, Fiber, Queue } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

export interface Seen {
  /** Milliseconds by `performance.now()`. */
  readonly sentAt: number
  readonly seenAt: number
}

export interface LedgerWatch {
  /** Sends an order, and waits until its row is committed; the counters are of the same transaction. */
  see<E, R>(orderId: number, send: Effect.Effect<void, E, R>): Effect.Effect<Seen, E, R>
  /** Fails when nothing is told any more: nobody is seen then. */
  readonly watching: Effect.Effect<never, SqlError.SqlError>
}

const channel = "bench_ledger"

/** A notification names the orders of a statement, if they fit: PostgreSQL takes less than 8,000 bytes. */
const makeTrigger = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(`
    create function cdm.tell_bench() returns trigger language plpgsql as $$
    declare
      orders text;
    begin
      select string_agg(order_id, ',') into orders from told;
      if orders is not null then
        perform pg_notify('${channel}', case when octet_length(orders) < 8000 then orders else '' end);
      end if;
      return null;
    end $$`)
  yield* sql.unsafe(`
    create trigger tell_bench after insert on cdm.order_contributions referencing new table as told
    for each statement execute function cdm.tell_bench()`)
})

export const watchLedger = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* makeTrigger
  const notifications = yield* sql.listen(channel)
  const waiting = new Map<string, Deferred.Deferred<number>>()

  const committed = Effect.fnUntraced(function* (payload: string) {
    if (payload !== "") return payload.split(",")
    const rows = yield* sql<{ order_id: string }>`
      select order_id from cdm.order_contributions where order_id = any(${[...waiting.keys()]}::text[])`
    return rows.map((row) => row.order_id)
  })

  const watch = Effect.gen(function* () {
    const { payload } = yield* Queue.take(notifications)
    const orderIds = yield* committed(payload)
    const now = performance.now()
    for (const orderId of orderIds) {
      const seen = waiting.get(orderId)
      if (seen !== undefined) yield* Deferred.succeed(seen, now)
      waiting.delete(orderId)
    }
  })
  const watching = yield* Effect.forkScoped(Effect.forever(watch))

  const ledger: LedgerWatch = {
    see: (orderId, send) =>
      Effect.gen(function* () {
        const seen = yield* Deferred.make<number>()
        const sentAt = performance.now()
        waiting.set(String(orderId), seen)
        yield* send
        return { sentAt, seenAt: yield* Deferred.await(seen) }
      }),
    watching: Fiber.join(watching)
  }
  return ledger
})
