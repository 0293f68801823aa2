/** What `metka verify` finds, on any database. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { type Break, martBreaks, sourceBreaks } from "./breaks.ts"
import { restored, verdict } from "./messyDatabase.ts"
import { assumeInFlight } from "../src/LookAgain.ts"
import { verify } from "../src/Verify.ts"

/** Breaks one thing, and says which orders it may be called by. */
export const breakOne = Effect.fnUntraced(function* (broken: Break) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<{ object_id: string | null }>(broken.sql)
  const [row] = rows
  if (row === undefined) return yield* Effect.die(new Error(`nothing was broken: ${broken.name}`))
  const orders: ReadonlyArray<string | null> = row.object_id?.split(" or ") ?? [null]
  return orders
})

export const verifyContract = (it: Vitest.MethodsNonLive<SqlClient.SqlClient>) => {
  it.effect("verify finds nothing wrong with a messy stream, and with messages sent straight to the inner topics", () =>
    Effect.gen(function* () {
      const { differences, orders } = yield* verdict
      assert.deepStrictEqual(differences, [])
      assert.isAbove(orders.total, 100)
      assert.isAbove(orders.parked, 0)
      assert.strictEqual(orders.withoutStg, 5)
      assert.strictEqual(orders.inFlight, 0)
    })
  )

  it.effect("verify tells who waits which of its steps it is at, and how much is done: never less than before", () =>
    Effect.gen(function* () {
      const told: Array<readonly [number, string]> = []
      yield* verify({
        most: 1,
        fateOf: assumeInFlight,
        onProgress: (percent, note) => Effect.sync(() => told.push([percent, note]))
      })
      const steps = told.map(([, note]) => note.split(",", 1)[0])
      assert.deepStrictEqual(
        [...new Set(steps)],
        ["1 of 5: orders", "2 of 5: keys", "3 of 5: tables", "4 of 5: tags", "5 of 5: orders in flight"]
      )
      const percents = told.map(([percent]) => percent)
      assert.deepStrictEqual(
        percents,
        percents.toSorted((a, b) => a - b)
      )
      assert.deepStrictEqual([percents[0], percents.at(-1)], [0, 100])
    })
  )

  for (const broken of [...martBreaks, ...sourceBreaks]) {
    it.effect(
      `verify finds that ${broken.name}`,
      () =>
        Effect.gen(function* () {
          const orders = yield* breakOne(broken)
          const { differences } = yield* verdict
          const named = differences.filter(
            (found) => found.check === broken.check && found.table === broken.table && orders.includes(found.order)
          )
          assert.isNotEmpty(named, `order ${String(orders)} in ${JSON.stringify(differences, null, 2)}`)
          assert.isTrue(named.some(({ remedy }) => remedy === broken.remedy))
          yield* restored(broken.sql)
        }),
      20_000
    )
  }

  it.effect("verify counts the messages among the dead letters about which something is left to do", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { openDeadLetters: before } = yield* verdict
      yield* sql`insert into ops.dead_letters
        (service, topic, partition, "offset", kafka_timestamp, headers, reason, detail, received_at, replayed_at, closed_at)
        values ('stg', 'bad', 0, 0, now(), '{}', 'schema', '', now(), null, null),
          ('stg', 'bad', 0, 1, now(), '{}', 'schema', '', now(), now(), null),
          ('stg', 'bad', 0, 2, now(), '{}', 'schema', '', now(), null, now())`
      const { differences, openDeadLetters } = yield* verdict
      assert.deepStrictEqual(differences, [])
      assert.strictEqual(openDeadLetters, before + 1)
      yield* sql`delete from ops.dead_letters where topic = 'bad'`
    })
  )

  it.effect("verify counts an order apart while its message is in the dead letters", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const remove = "delete from cdm.order_contributions"
      // Of an order that counts nothing: nothing else is wrong without its row.
      const [removed] = yield* sql.unsafe<{ order_id: string; order_version: string }>(
        `${remove} where order_id = (select min(hub.order_id::text) from dds.h_order hub
          join cdm.order_contributions ledger using (order_version) where user_id is null)
         returning order_id, order_version`
      )
      yield* sql`insert into ops.dead_letters
        (service, topic, partition, "offset", kafka_timestamp, headers, reason, detail, received_at)
        values ('cdm', 'lost', 0, 0, now(), json_build_object('order-version', ${removed?.order_version ?? ""}::text),
          'refused_by_database', '', now())`
      const kept = yield* verdict
      assert.deepStrictEqual(kept.differences, [])
      assert.strictEqual(kept.orders.deadLetters, 1)
      yield* sql`update ops.dead_letters set closed_at = now() where topic = 'lost'`
      assert.strictEqual((yield* verdict).orders.deadLetters, 1, "given up is not lost")
      yield* sql`update ops.dead_letters set replayed_at = now() where topic = 'lost'`
      assert.deepStrictEqual(
        (yield* verdict).differences.map(({ check, order }) => [check, order]),
        [["versions", removed?.order_id ?? ""]]
      )
      yield* sql`delete from ops.dead_letters where topic = 'lost'`
      yield* restored(remove)
    })
  )
}
