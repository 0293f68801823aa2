import { assert, describe, layer } from "@effect/vitest"
import { Health } from "@metka/core/Health"
import { opsMigrations } from "@metka/core/OpsSchema"
import { emptied, real } from "@metka/testing/databaseLayers"
import { openTransaction, sessionsWaitForLocks } from "@metka/testing/openTransaction"
import { isMissing } from "@metka/testing/realServers"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { applyRules } from "../src/ApplyRules.ts"
import { cdmMigrations } from "../src/CdmSchema.ts"
import * as Tags from "../src/TagRepository.ts"
import {
  categoryId,
  contradictions,
  heldTags,
  productCounters,
  productId,
  type Stats,
  surroundings,
  takeIn,
  userId
} from "./CdmHarness.ts"
import { cdmRepositoryContract } from "./cdmRepositoryContract.ts"

const database = real(opsMigrations, cdmMigrations)

const stats = (order: number, version: number, guest: string, ...dishes: ReadonlyArray<string>): Stats => ({
  order,
  version,
  guest,
  dishes
})

/** Another CDM of the group, with partitions of its own. */
const replica = (...batches: ReadonlyArray<ReadonlyArray<Stats>>) => Effect.provide(takeIn(...batches), surroundings())

const lockCategoryNames = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`select 1 from cdm.category_names order by category_id for update`
)

/** Who has how many of each dish. */
const dishes = Effect.map(productCounters, (counters) =>
  counters.map(({ count, guest, name }) => `${guest} ${name} ${count}`).sort()
)

describe.skipIf(isMissing("postgres"))("On real PostgreSQL", () => {
  cdmRepositoryContract("CdmRepository", database)

  layer(database, { excludeTestServices: true, timeout: "1 minute" })("Two replicas of CDM", (it) => {
    /** The first has locked the order and waits; then the second comes; then both may go on. */
    const both = Effect.fnUntraced(function* (first: Stats, second: Stats) {
      const names = yield* openTransaction(lockCategoryNames)
      const one = yield* Effect.forkChild(replica([first]))
      yield* sessionsWaitForLocks(1)
      const other = yield* Effect.forkChild(replica([second]))
      yield* sessionsWaitForLocks(2)
      yield* names.release
      yield* Fiber.join(one)
      yield* Fiber.join(other)
    })

    for (const [how, versions] of [
      ["the older first", [1, 2]],
      ["the newer first", [2, 1]]
    ] as const) {
      it.effect(`hold versions of a new order with different guests at once, ${how}: the newest counts, alone`, () =>
        Effect.gen(function* () {
          yield* emptied
          yield* replica([stats(9, 1, "z", "soup:soups")])
          const [first, second] = versions.map((version) => stats(1, version, `guest ${version}`, "soup:soups"))
          if (first === undefined || second === undefined) return assert.fail("two versions")
          yield* both(first, second)
          assert.deepStrictEqual(yield* dishes, [`${userId("guest 2")} soup 1`, `${userId("z")} soup 1`].sort())
          assert.deepStrictEqual(yield* contradictions, [])
        })
      )

      it.effect(`hold versions of a known order with different guests at once, ${how}: the newest counts, alone`, () =>
        Effect.gen(function* () {
          yield* emptied
          yield* replica([stats(1, 0, "guest 0", "soup:soups"), stats(9, 1, "z", "soup:soups")])
          const [first, second] = versions.map((version) => stats(1, version, `guest ${version}`, "soup:soups"))
          if (first === undefined || second === undefined) return assert.fail("two versions")
          yield* both(first, second)
          assert.deepStrictEqual(yield* dishes, [`${userId("guest 2")} soup 1`, `${userId("z")} soup 1`].sort())
          assert.deepStrictEqual(yield* contradictions, [])
        })
      )
    }

    for (const [how, days] of [
      ["the older first", [1, 20]],
      ["the newer first", [20, 1]]
    ] as const) {
      it.effect(`hold different orders of one guest at once, ${how}: both move the window`, () =>
        Effect.gen(function* () {
          yield* emptied
          yield* applyRules([{ tag: "t", category: "soups", threshold: 0, window: { days: 7, exitThreshold: 0 } }])
          // A guest who is new would make one of them wait for the other.
          yield* replica([stats(9, 1, "a", "cake:sweets")])
          const deciding = yield* openTransaction(Tags.lockWindows)
          // No counter is in both: nothing else of what they change makes one wait for the other.
          const orders = days.map((day) => ({
            ...stats(day, 1, "a", day === 1 ? "soup:soups" : "roll:rolls"),
            day
          }))
          const batches = yield* Effect.forEach(orders, (order, index) =>
            Effect.tap(Effect.forkChild(replica([order])), sessionsWaitForLocks(index + 1))
          )
          yield* deciding.release
          yield* Effect.forEach(batches, (batch) => Fiber.join(batch))
          assert.deepStrictEqual(yield* contradictions, [])
          assert.deepStrictEqual(yield* heldTags, [], "the soup was 19 days before the guest's newest order")
        })
      )
    }

    it.effect("rules that are applied while a batch is under way see what it counts", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* replica([stats(9, 1, "z", "soup:soups")])
        const names = yield* openTransaction(lockCategoryNames)
        const batch = yield* Effect.forkChild(replica([stats(1, 1, "a", "soup:soups"), stats(2, 1, "a", "soup:soups")]))
        yield* sessionsWaitForLocks(1)
        const applying = yield* Effect.forkChild(applyRules([{ tag: "t", category: "soups", threshold: 1 }]))
        yield* sessionsWaitForLocks(2)
        yield* names.release
        yield* Fiber.join(batch)
        assert.strictEqual((yield* Fiber.join(applying)).given, 1)
        assert.deepStrictEqual(
          (yield* heldTags).map(({ count, guest }) => [guest, count]),
          [[userId("a"), 2]]
        )
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    it.effect("a batch that comes while rules are applied waits, and is tagged by the new ones", () =>
      Effect.gen(function* () {
        yield* emptied
        const sql = yield* SqlClient.SqlClient
        const rule = (threshold: number) => applyRules([{ tag: "t", category: "soups", threshold }])
        yield* replica([stats(1, 1, "a", "soup:soups")])
        yield* rule(1)
        // Rules that are being applied have read what they change, and stop here.
        const rules = yield* openTransaction(sql`select 1 from cdm.tag_rules for update`)
        const applying = yield* Effect.forkChild(rule(2))
        yield* sessionsWaitForLocks(1)
        const batch = yield* Effect.forkChild(replica([stats(2, 1, "a", "soup:soups"), stats(3, 1, "b", "soup:soups")]))
        yield* sessionsWaitForLocks(2)
        yield* rules.release
        assert.deepInclude(yield* Fiber.join(applying), { given: 0, taken: 0 })
        yield* Fiber.join(batch)
        assert.deepStrictEqual(yield* heldTags, [])
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    it.effect("a renaming waits for a batch that still counts under the old name, and renames its counters too", () =>
      Effect.gen(function* () {
        yield* emptied
        const sql = yield* SqlClient.SqlClient
        yield* replica([stats(8, 1, "a", "borsch:soups"), stats(9, 1, "z", "soup:soups:Щи")])
        const counters = yield* openTransaction(
          sql`select 1 from cdm.user_category_counters where category_id = ${categoryId("soups")}::uuid for update`
        )
        const old = yield* Effect.forkChild(replica([stats(1, 1, "a", "soup:soups:Щи")]))
        yield* sessionsWaitForLocks(1)
        const renaming = yield* Effect.forkChild(replica([{ ...stats(2, 1, "b", "soup:soups:Щи свежие"), names: 2 }]))
        yield* sessionsWaitForLocks(2)
        yield* counters.release
        yield* Fiber.join(old)
        yield* Fiber.join(renaming)
        assert.deepStrictEqual((yield* productCounters).map(({ name }) => name).sort(), [
          "borsch",
          "Щи свежие",
          "Щи свежие",
          "Щи свежие"
        ])
      })
    )

    /** Guests in the order in which a batch takes their counters. */
    const [low = "", mid = "", high = ""] = ["a", "b", "c"].toSorted((one, other) =>
      userId(one) < userId(other) ? -1 : 1
    )
    const cancelled = (...orders: ReadonlyArray<number>) => orders.map((order) => stats(order, 2, "nobody"))
    const lockDishOf = (guest: string, dish: string) =>
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`select 1 from cdm.user_product_counters
          where user_id = ${userId(guest)}::uuid and product_id = ${productId(dish)}::uuid for update`
      )

    it.effect("a renaming takes the counters of a dish in the order in which cancellations do, not as they lie", () =>
      Effect.gen(function* () {
        yield* emptied
        yield* replica(
          [stats(1, 1, high, "soup:soups")],
          [stats(2, 1, mid, "soup:soups")],
          [stats(3, 1, low, "soup:soups")]
        )
        const counter = yield* openTransaction(lockDishOf(mid, "soup"))
        const renaming = yield* Effect.forkChild(replica([{ ...stats(9, 1, "z", "soup:soups:Щи"), names: 2 }]))
        yield* sessionsWaitForLocks(1)
        const cancelling = yield* Effect.forkChild(replica(cancelled(1, 3)))
        yield* sessionsWaitForLocks(2)
        yield* counter.release
        yield* Fiber.join(renaming)
        yield* Fiber.join(cancelling)
        assert.deepStrictEqual(yield* dishes, [`${userId(mid)} Щи 1`, `${userId("z")} Щи 1`].sort())
        assert.deepStrictEqual(yield* contradictions, [])
      })
    )

    for (const [what, name] of [
      ["dish", { dish: "soup:soups:Щи" }],
      ["category", { dish: "soup:soups", categoryName: "Супы" }]
    ] as const) {
      it.effect(`a batch that renames a ${what} takes its own counters and those to be renamed in one order`, () =>
        Effect.gen(function* () {
          yield* emptied
          yield* replica([
            stats(1, 1, low, "roll:rolls"),
            stats(2, 1, mid, "pie:pies"),
            stats(3, 1, high, "soup:soups")
          ])
          // Cancellations have the first guest's counter, and stop at the second.
          const counter = yield* openTransaction(lockDishOf(mid, "pie"))
          const cancelling = yield* Effect.forkChild(replica(cancelled(1, 2, 3)))
          yield* sessionsWaitForLocks(1)
          const { dish, ...rest } = { ...name }
          const renaming = yield* Effect.forkChild(
            replica([stats(8, 1, low, "roll:rolls"), { ...stats(9, 1, "z", dish), ...rest, names: 2 }])
          )
          yield* sessionsWaitForLocks(2)
          yield* counter.release
          yield* Fiber.join(renaming)
          yield* Fiber.join(cancelling)
          assert.strictEqual((yield* dishes).length, 2)
          assert.deepStrictEqual(yield* contradictions, [])
        })
      )
    }

    it.effect(
      "take the same orders in opposite order, rename dishes and apply rules, all at once, without a deadlock",
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
          const batch = (version: number, names: number) =>
            Array.from({ length: 60 }, (_, index): Stats => ({
              order: index + 1,
              version,
              guest: `guest ${(index + version) % 7}`,
              dishes:
                (index + version) % 5 === 0 ? [] : [`d${index % 9}:c${index % 3}:name ${names}`, `e${version % 4}:c3`],
              names
            }))
          const all = Array.from({ length: 12 }, (_, index) => batch(index + 1, 1 + (index >> 2)))
          const rules = (threshold: number) => [0, 1, 2, 3].map((n) => ({ tag: `t${n}`, category: `c${n}`, threshold }))
          const run = (batches: ReadonlyArray<ReadonlyArray<Stats>>) =>
            Effect.provide(Effect.provideService(takeIn(...batches), Health, health), surroundings())
          yield* Effect.all(
            [
              run(all),
              run(all.toReversed().map((stats) => stats.toReversed())),
              Effect.forEach([1, 4, 2, 6, 3], (threshold) => applyRules(rules(threshold)), { discard: true })
            ],
            { concurrency: "unbounded", discard: true }
          )
          assert.deepStrictEqual(downs, [])
          assert.deepStrictEqual(yield* contradictions, [])
          const counted = yield* dishes
          yield* emptied
          yield* replica(batch(12, 3))
          assert.deepStrictEqual(counted, yield* dishes)
        }),
      60_000
    )
  })
})
