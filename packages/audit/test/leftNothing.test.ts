import { assert, layer } from "@effect/vitest"
import { Kafka } from "@metka/core/Kafka"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { leftNothing } from "../src/LeftNothing.ts"

const references = cafeReferences(["anna"], [{ id: "soup", name: "Суп", category: "Супы" }])
const order = (number: number) => cafeOrder("anna", number, "2023-04-01 20:00", ["soup"])
const orders = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => order(from + index))

const takenIn = (messages: Parameters<typeof send>[0]) => Effect.andThen(send(messages), settled(0))

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("What STG has gone past", (it) => {
  it.effect("is known as long as each partition ends with an order that is stored, or with a dead letter", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        yield* loadReferences(references)
        yield* takenIn([...orders(1, 20), ...orders(1, 20), order(21)])
        assert.strictEqual(yield* leftNothing, 0)
        yield* takenIn([{ key: "anna", value: Buffer.from("no order") }])
        assert.strictEqual(yield* leftNothing, 0)
      })
    )
  )

  it.effect("and left nothing is counted: what was sent again, and what a dump lacks that was restored", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* loadReferences(references)
        yield* takenIn(orders(1, 20))
        yield* takenIn([order(7)])
        assert.strictEqual(yield* leftNothing, 1)
        yield* sql`delete from stg.order_events where object_id > 15`
        assert.strictEqual(yield* leftNothing, 6)
        yield* sql`delete from stg.order_events`
        assert.strictEqual(yield* leftNothing, 21)
      })
    )
  )

  it.effect("is not what retention has deleted, nor where a group begins that never committed", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const kafka = yield* Kafka
        const cut = (committed: number) =>
          Effect.provideService(leftNothing, Kafka, {
            ...kafka,
            lag: () => Effect.succeed([{ partition: 0, start: 5_000, committed, end: 6_000 }])
          })
        assert.strictEqual(yield* cut(5_000), 0)
        assert.strictEqual(yield* cut(5_003), 3)
      })
    )
  )
})
