import { assert, layer } from "@effect/vitest"
import { Health } from "@metka/core/Health"
import { Kafka } from "@metka/core/Kafka"
import { Topology } from "@metka/core/Topology"
import { send } from "@metka/testing/againstOracle"
import { cafeOrder } from "@metka/testing/cafe"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"

const componentsNow = Effect.flatMap(Health, ({ readiness }) => Effect.map(readiness, ({ components }) => components))
const notReached = { down: "not reached yet" }

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("Redis, which nothing has probed", (it) => {
  it.effect("is up when STG has asked it, and not because DDS and CDM work, or STG on what it cannot read", () =>
    withMemorySystem(
      {},
      Effect.gen(function* () {
        const { publish } = yield* Kafka
        const { cdmStats, stgOrders } = yield* Topology
        yield* publish(stgOrders, [{ key: null, value: "no order", headers: {} }])
        yield* publish(cdmStats, [{ key: null, value: "[]", headers: {} }])
        yield* send([{ key: null, value: Buffer.from("no order") }])
        yield* settled(0)
        assert.deepStrictEqual(yield* componentsNow, { kafka: "up", postgres: "up", redis: notReached })
        yield* send([cafeOrder("anna", 1, "2023-04-01 12:00", ["d1"])])
        yield* settled(1)
        assert.deepStrictEqual(yield* componentsNow, { kafka: "up", postgres: "up", redis: "up" })
      })
    )
  )
})
