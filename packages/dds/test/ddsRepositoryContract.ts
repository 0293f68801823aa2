/** What the vault promises, on PGlite and on a real server alike. */
import { assert, layer as withLayer } from "@effect/vitest"
import { becomeAnother } from "@metka/testing/becomeAnother"
import { emptied } from "@metka/testing/databaseLayers"
import { whileRunning } from "@metka/testing/whileRunning"
import { writtenRows } from "@metka/testing/writtenRows"
import { Effect, type Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import * as Dds from "../src/Dds.ts"
import {
  currentNames,
  currentOrders,
  type Order,
  send,
  sent,
  surroundings,
  takeIn,
  takeInRecords,
  toOutgoing,
  untilDone,
  versionText
} from "./DdsHarness.ts"

const vaultTables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string }>`
    select 'dds.' || tablename as name from pg_tables where schemaname = 'dds' and tablename <> 'migrations' order by 1`
  return rows.map(({ name }) => name)
})

const allRows = Effect.flatMap(vaultTables, (tables) => writtenRows(...tables))

const statuses = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ status: string }>`select status from dds.s_order_status order by h_order_pk, version_no`
  return rows.map(({ status }) => status)
})

const orderDt = Effect.map(currentOrders, (orders) => orders.map(({ date }) => date))

/** What each (order, version) says follows from its numbers, as a message's content does; a reference's version too. */
const anyOrder: fc.Arbitrary<Order> = fc
  .record({ id: fc.integer({ min: 1, max: 4 }), version: fc.integer({ min: 1, max: 5 }) })
  .map(({ id, version }) => {
    const reference = 1 + ((id * 3 + version * 2) % 3)
    const mask = (id * 5 + version * 3) % 8
    return {
      id,
      version,
      status: (id + version) % 3 === 0 ? "CANCELLED" : "CLOSED",
      guest: version > 3 ? "u2" : "u1",
      guestName: `guest as of ${reference}`,
      guestVersion: reference,
      restaurant: id > 2 ? "r2" : "r1",
      restaurantName: `restaurant as of ${reference}`,
      restaurantVersion: reference,
      dishes: ["soup", "roll", "cake"]
        .filter((_, index) => (mask >> index) % 2 === 1)
        .map((dish) => `${dish}:category ${reference % 2}:${dish} as of ${reference}`),
      cost: 10 * version,
      date: `2023-03-0${version} 12:00:00`
    }
  })

export const ddsRepositoryContract = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>): void =>
  withLayer(layer, { excludeTestServices: true, timeout: "2 minutes" })(name, (it) => {
    const test = (
      what: string,
      body: Effect.Effect<void, unknown, Layer.Success<ReturnType<typeof surroundings>> | SqlClient.SqlClient>
    ) => it.effect(what, () => emptied.pipe(Effect.andThen(body), Effect.provide(surroundings())), 60_000)

    const state = (batches: ReadonlyArray<ReadonlyArray<Order>>) =>
      Effect.gen(function* () {
        yield* emptied
        yield* takeIn(...batches)
        return { orders: yield* currentOrders, names: yield* currentNames, statuses: yield* statuses }
      }).pipe(Effect.provide(surroundings()))

    test(
      "what an order is now follows from the set of its messages, whatever their order and their batches",
      Effect.gen(function* () {
        const context = yield* Effect.context<SqlClient.SqlClient>()
        const anyOrders = fc.array(anyOrder, { minLength: 1, maxLength: 12 }).chain((orders) =>
          fc.record({
            orders: fc.constant(orders),
            shuffled: fc.shuffledSubarray(orders, { minLength: orders.length }),
            cut: fc.nat(orders.length)
          })
        )
        const property = fc.asyncProperty(anyOrders, ({ cut, orders, shuffled }) =>
          Effect.gen(function* () {
            const parts = [shuffled.slice(0, cut), shuffled.slice(cut)].filter((part) => part.length > 0)
            assert.deepStrictEqual((yield* state(parts)).orders, (yield* state([orders])).orders)
          }).pipe(Effect.runPromiseWith(context))
        )
        yield* Effect.promise(() => fc.assert(property, { numRuns: 15 }))
      })
    )

    test(
      "a batch ends as its messages would one by one: names, history and all",
      Effect.gen(function* () {
        const context = yield* Effect.context<SqlClient.SqlClient>()
        const anyOrders = fc.array(anyOrder, { minLength: 1, maxLength: 8 })
        const property = fc.asyncProperty(anyOrders, (orders) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* state([orders]), yield* state(orders.map((order) => [order])))
          }).pipe(Effect.runPromiseWith(context))
        )
        yield* Effect.promise(() => fc.assert(property, { numRuns: 10 }))
      })
    )

    test(
      "satellites are unique by version, not by content: CLOSED, CANCELLED, CLOSED are three rows",
      Effect.gen(function* () {
        yield* takeIn(
          ...["CLOSED", "CANCELLED", "CLOSED"].map((status, index) => [
            { id: 1, version: index + 1, status, dishes: [] }
          ])
        )
        assert.deepStrictEqual(yield* statuses, ["CLOSED", "CANCELLED", "CLOSED"])
        assert.strictEqual((yield* currentOrders)[0]?.status, "CLOSED")
      })
    )

    test(
      "the same version again changes no row and is published again",
      Effect.gen(function* () {
        const orders: ReadonlyArray<Order> = [
          { id: 1, version: 1, dishes: ["soup:soups", "roll:rolls", "soup:soups"] },
          { id: 2, version: 1, status: "OPEN" }
        ]
        yield* takeIn(orders)
        const before = yield* allRows
        yield* takeIn(orders, orders.toReversed())
        assert.deepStrictEqual(yield* allRows, before)
        const messages = yield* sent
        assert.deepStrictEqual(messages.map(({ order, rows }) => `${order}: ${rows}`).sort(), [
          "1: 2",
          "1: 2",
          "1: 2",
          "2: 0",
          "2: 0",
          "2: 0"
        ])
      })
    )

    test(
      "an older version after a newer one changes no row and is not published: it brings not even a newer name",
      Effect.gen(function* () {
        yield* takeIn([{ id: 1, version: 2, cost: 20, date: "2023-03-02 00:00:00" }])
        const before = yield* allRows
        yield* takeIn([
          {
            id: 1,
            version: 1,
            cost: 10,
            date: "2023-03-01 00:00:00",
            status: "OPEN",
            guest: "u2",
            guestVersion: 9,
            restaurantName: "newer",
            restaurantVersion: 9,
            dishes: ["soup:soups:newer", "cake:sweets"]
          }
        ])
        assert.deepStrictEqual(yield* allRows, before)
        assert.deepStrictEqual(
          (yield* sent).map(({ version }) => version),
          [versionText(2)]
        )
      })
    )

    test(
      "an older version in a batch with newer ones of other orders brings nothing either",
      Effect.gen(function* () {
        yield* takeIn([{ id: 1, version: 2 }])
        yield* takeIn([
          { id: 1, version: 1, guest: "u9", restaurantName: "newer", restaurantVersion: 9, dishes: ["cake:sweets"] },
          { id: 2, version: 1 }
        ])
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`select user_id as id from dds.h_user`, [{ id: "u1" }])
        assert.deepStrictEqual(yield* sql`select category_name as name from dds.h_category`, [{ name: "soups" }])
        assert.notInclude(yield* currentNames, "newer")
        assert.strictEqual((yield* currentOrders).length, 2)
      })
    )

    test(
      "versions of one order in one batch are taken in as they would be one by one; the newest is in effect",
      Effect.gen(function* () {
        yield* takeIn([2, 3, 1].map((version) => ({ id: 1, version, status: `S${version}`, cost: version })))
        assert.deepStrictEqual(
          (yield* currentOrders).map(({ cost, status }) => [status, cost]),
          [["S3", "3"]]
        )
        assert.deepStrictEqual(yield* statuses, ["S2", "S3"])
        assert.deepStrictEqual(
          (yield* sent).map(({ version }) => version),
          [2, 3].map(versionText)
        )
      })
    )

    test(
      "of very many versions of one order in one batch the newest is in effect, and published last",
      Effect.gen(function* () {
        yield* takeIn(Array.from({ length: 25 }, (_, index) => ({ id: 1, version: index + 1, cost: index + 1 })))
        assert.strictEqual((yield* currentOrders)[0]?.cost, "25")
        assert.strictEqual((yield* sent).at(-1)?.version, versionText(25))
      })
    )

    test(
      "order_dt is the newest version's, and what is published carries its own",
      Effect.gen(function* () {
        yield* takeIn([{ id: 1, version: 1, date: "2023-03-01 10:00:00" }])
        yield* takeIn([{ id: 1, version: 2, date: "2023-03-02 10:00:00.25" }])
        yield* takeIn([{ id: 1, version: 1, date: "2023-03-01 10:00:00" }])
        assert.deepStrictEqual(yield* orderDt, ["2023-03-02 10:00:00.25"])
        assert.deepStrictEqual(
          (yield* sent).map(({ date, key }) => [key, date]),
          [
            ["u1", "2023-03-01 10:00:00"],
            ["u1", "2023-03-02 10:00:00.25"]
          ]
        )
      })
    )

    test(
      "names are as new as their reference, not as the order",
      Effect.gen(function* () {
        const named = (version: number, reference: number, what: string): Order => ({
          id: 1,
          version,
          guestName: `${what} guest`,
          guestVersion: reference,
          restaurantName: `${what} restaurant`,
          restaurantVersion: reference,
          dishes: [`soup:soups:${what} soup`]
        })
        const current = ["new guest u1 login", "new soup", "new restaurant"]
        // A newer order that was enriched long ago brings older names.
        yield* takeIn([named(2, 2, "new")], [named(3, 1, "old")])
        assert.deepStrictEqual(yield* currentNames, current)
        // Another order, older than both, brings newer names.
        yield* takeIn([{ ...named(1, 3, "newest"), id: 2 }])
        assert.deepStrictEqual(
          yield* currentNames,
          current.map((name) => name.replace("new", "newest"))
        )
      })
    )

    test(
      "the newest name by version is the newest by load too, and the same name again makes no row",
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const named = (id: number, what: string, reference: number): Order => ({
          id,
          version: 1,
          guestName: what,
          guestVersion: reference,
          restaurantName: what,
          restaurantVersion: reference,
          dishes: [`soup:soups:${what}`]
        })
        yield* takeIn([named(1, "b", 2)], [named(2, "a", 1)], [named(3, "b", 2)], [named(4, "c", 3)])
        const rows = yield* sql<{ name: string }>`
          select 'guest ' || username as name, 1 as kind, load_dt from dds.s_user_names
          union all select 'dish ' || name, 2, load_dt from dds.s_product_names
          union all select 'restaurant ' || name, 3, load_dt from dds.s_restaurant_names
          order by kind, load_dt, name`
        assert.deepStrictEqual(
          rows.map(({ name }) => name),
          ["guest b", "guest c", "dish b", "dish c", "restaurant b", "restaurant c"]
        )
      })
    )

    test(
      "names of a reference whose time cannot be read do not stay for ever",
      Effect.gen(function* () {
        const record = (version: number, userVersion: string, guestName: string) => {
          const outgoing = toOutgoing({ id: 1, version, guestName, dishes: [] })
          return { ...outgoing, headers: { ...outgoing.headers, "user-version": userVersion } }
        }
        yield* takeInRecords([record(1, "zzz", "Unreadable")], [record(2, "2025-06-01T00:00:00", "ISO")])
        assert.include(yield* currentNames, "ISO u1 login")
        yield* takeInRecords([record(3, "2025-06-01 12:00:00", "Newest")], [record(4, "zzz", "Unreadable")])
        assert.include(yield* currentNames, "Newest u1 login")
      })
    )

    test(
      "a removed dish, a changed guest and another restaurant leave what the order is now",
      Effect.gen(function* () {
        yield* takeIn(
          [{ id: 1, version: 1, dishes: ["roll:rolls", "soup:soups"] }],
          [{ id: 1, version: 2, dishes: ["soup:soups"], guest: "u2", restaurant: "r2" }]
        )
        assert.deepInclude((yield* currentOrders)[0], { guest: "u2", restaurant: "r2", dishes: "soup:soups" })
        yield* takeIn([{ id: 1, version: 3, dishes: [] }])
        assert.deepInclude((yield* currentOrders)[0], { guest: "u1", restaurant: "r1", dishes: "" })
        const sql = yield* SqlClient.SqlClient
        assert.strictEqual(
          (yield* sql`select 1 from dds.l_order_product`).length,
          2,
          "links stay: the vault forgets nothing"
        )
        assert.strictEqual((yield* sql`select 1 from dds.l_order_user`).length, 2)
      })
    )

    test(
      "a dish that moved to another category keeps, for an order, the one it was enriched with",
      Effect.gen(function* () {
        yield* takeIn(
          [{ id: 1, version: 1, dishes: ["soup:soups"] }],
          [{ id: 2, version: 1, dishes: ["soup:starters"] }]
        )
        assert.deepStrictEqual(
          (yield* currentOrders).map(({ dishes }) => dishes),
          ["soup:soups", "soup:starters"]
        )
      })
    )

    test(
      "hubs hold a business key once, with keys derived from it",
      Effect.gen(function* () {
        yield* takeIn(
          [1, 2, 3].map((id) => ({ id, version: 1, dishes: ["soup:soups", "roll:soups"] })),
          [4, 5].map((id) => ({ id, version: 1, dishes: ["soup:soups"], guest: "u2" }))
        )
        const sql = yield* SqlClient.SqlClient
        const rows = yield* sql<{ keys: string }>`
          select 'user ' || user_id as keys from dds.h_user union all select 'product ' || product_id from dds.h_product
          union all select 'category ' || category_name from dds.h_category
          union all select 'restaurant ' || restaurant_id from dds.h_restaurant
          union all select 'order ' || order_id from dds.h_order`
        assert.deepStrictEqual(rows.map(({ keys }) => keys).sort(), [
          "category soups",
          ...[1, 2, 3, 4, 5].map((id) => `order ${id}`),
          "product roll",
          "product soup",
          "restaurant r1",
          "user u1",
          "user u2"
        ])
      })
    )

    test(
      "a database that took over within the second, without the last transaction, is sent guests and dishes again",
      Effect.gen(function* () {
        const takesOver = Effect.andThen(emptied, becomeAnother("another"))
        yield* whileRunning(
          Dds.run,
          send([toOutgoing({ id: 1, version: 1 })]).pipe(
            Effect.andThen(untilDone),
            Effect.andThen(takesOver),
            Effect.andThen(send([toOutgoing({ id: 2, version: 1 })])),
            Effect.andThen(untilDone)
          )
        )
        assert.deepInclude((yield* currentOrders)[0], { id: "2", guest: "u1", dishes: "soup:soups" })
      })
    )

    test(
      "a message without headers is older than any with them, and has names older than any with a version",
      Effect.gen(function* () {
        const bare = { ...toOutgoing({ id: 1, version: 9, status: "BARE", guestName: "bare" }), headers: {} }
        yield* takeInRecords([bare])
        assert.strictEqual((yield* currentOrders)[0]?.status, "BARE")
        yield* takeIn([{ id: 1, version: 1, status: "VERSIONED" }])
        yield* takeInRecords([bare])
        assert.strictEqual((yield* currentOrders)[0]?.status, "VERSIONED")
        assert.include(yield* currentNames, "Котова u1 login")
      })
    )

    test(
      "texts with quotes, braces and emoji, and money with kopecks, pass unchanged",
      Effect.gen(function* () {
        const odd = "\"\\{,}' NULL 😀"
        yield* takeIn([
          { id: 1, version: 1, guest: odd, restaurant: odd, status: odd, cost: 0.1, dishes: [`${odd}:${odd}`] }
        ])
        assert.deepInclude((yield* currentOrders)[0], {
          guest: odd,
          restaurant: odd,
          status: odd,
          cost: "0.1",
          dishes: `${odd}:${odd}`
        })
      })
    )
  })
