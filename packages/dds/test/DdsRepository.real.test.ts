import { assert, describe, layer } from "@effect/vitest"
import { Health } from "@metka/core/Health"
import { opsMigrations } from "@metka/core/OpsSchema"
import { emptied, real } from "@metka/testing/databaseLayers"
import { openTransaction, sessionsWaitForLocks } from "@metka/testing/openTransaction"
import { isMissing } from "@metka/testing/realServers"
import { whileRunning } from "@metka/testing/whileRunning"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import * as Dds from "../src/Dds.ts"
import { ddsMigrations } from "../src/DdsSchema.ts"
import {
  currentNames,
  currentOrders,
  type Order,
  send,
  surroundings,
  takeIn,
  toOutgoing,
  untilDone
} from "./DdsHarness.ts"
import { ddsRepositoryContract } from "./ddsRepositoryContract.ts"

const database = real(opsMigrations, ddsMigrations)

/** Another DDS of the group, with partitions of its own. */
const replica = (...batches: ReadonlyArray<ReadonlyArray<Order>>) => Effect.provide(takeIn(...batches), surroundings())

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  ddsRepositoryContract("DdsRepository", database)

  layer(database, { excludeTestServices: true, timeout: "1 minute" })("One DDS", (it) => {
    it.effect("sends again with the order under way what a failover has lost", () =>
      Effect.gen(function* () {
        yield* emptied
        const sql = yield* SqlClient.SqlClient
        const batch = (id: number) => Effect.andThen(send([toOutgoing({ id, version: 1 })]), untilDone)
        /** While a batch is under way, the database loses the guest and the connection. */
        const failover = Effect.gen(function* () {
          const orders = yield* openTransaction(sql`lock table dds.h_order in share row exclusive mode`)
          const underWay = yield* Effect.forkChild(batch(2))
          yield* sessionsWaitForLocks(1)
          yield* sql`delete from dds.s_user_names`
          yield* sql`delete from dds.h_user`
          yield* sql`select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'`
          yield* orders.release
          yield* Fiber.join(underWay)
        })
        yield* whileRunning(Dds.run, Effect.andThen(batch(1), failover))
        assert.deepStrictEqual(
          (yield* currentOrders).map(({ guest, id }) => [id, guest]),
          [
            ["1", "u1"],
            ["2", "u1"]
          ]
        )
        assert.include(yield* currentNames, "Котова u1 login")
      }).pipe(Effect.provide(surroundings()))
    )
  })

  layer(database, { excludeTestServices: true, timeout: "1 minute" })("Two replicas of DDS", (it) => {
    for (const versions of [
      [1, 2],
      [2, 1]
    ] as const) {
      it.effect(`hold versions of one order at once, version ${versions[0]} first: the newest is in effect`, () =>
        Effect.gen(function* () {
          yield* emptied
          yield* replica([{ id: 9, version: 1 }])
          const sql = yield* SqlClient.SqlClient
          // A new guest's hub, not committed yet, stops whoever brings the same guest after it has locked its order.
          const guest = yield* openTransaction(
            sql`insert into dds.h_user select gen_random_uuid(), 'x', now(), 'x'`.pipe(
              Effect.andThen(sql`lock table dds.h_user in share row exclusive mode`)
            )
          )
          const run = (version: number) =>
            Effect.forkChild(replica([{ id: 1, version, guest: `u${version}`, status: `S${version}` }]))
          const first = yield* run(versions[0])
          yield* sessionsWaitForLocks(1)
          const second = yield* run(versions[1])
          yield* sessionsWaitForLocks(2)
          yield* guest.release
          yield* Fiber.join(first)
          yield* Fiber.join(second)
          assert.deepInclude((yield* currentOrders)[0], { id: "1", guest: "u2", status: "S2" })
          const rows = yield* sql`select status.version_no from dds.s_order_status status
            join dds.h_order using (h_order_pk) where order_id = 1`
          assert.strictEqual(rows.length, versions[0] === 1 ? 2 : 1)
        })
      )
    }

    it.effect(
      "take the same orders, guests and menus in opposite order, all at once, without a deadlock",
      () =>
        Effect.gen(function* () {
          yield* emptied
          const downs: Array<string> = []
          const health = Health.of({
            report: (component, status) =>
              Effect.sync(() => {
                if (status !== "up") downs.push(`${component}: ${status.down}`)
              }),
            readiness: Effect.succeed({ ready: true, components: {} }),
            turnsFrom: () => Effect.never
          })
          const batch = (version: number) =>
            Array.from({ length: 80 }, (_, index): Order => ({
              id: index + 1,
              version,
              status: index % 3 === 0 ? "OPEN" : "CLOSED",
              guest: `u${(index + version) % 20}`,
              guestName: `guest ${version}`,
              guestVersion: version,
              restaurant: `r${index % 5}`,
              restaurantName: `restaurant ${version}`,
              restaurantVersion: version,
              dishes: [
                `r${index % 5}d${version % 7}:c${index % 4}:dish ${version}`,
                `r${index % 5}e${index % 9}:c5:dish ${version}`
              ]
            }))
          const all = Array.from({ length: 10 }, (_, index) => batch(index + 1))
          const run = (batches: ReadonlyArray<ReadonlyArray<Order>>) =>
            Effect.provide(Effect.provideService(takeIn(...batches), Health, health), surroundings())
          yield* Effect.all([run(all), run(all.toReversed().map((orders) => orders.toReversed())), run(all)], {
            concurrency: "unbounded",
            discard: true
          })
          assert.deepStrictEqual(downs, [])
          const now = yield* currentOrders
          yield* emptied
          yield* replica(batch(10))
          assert.deepStrictEqual(now, yield* currentOrders)
        }),
      60_000
    )
  })
})
