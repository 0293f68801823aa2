import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { Topology } from "../src/Topology.ts"

const topology = (environment: Record<string, string>) =>
  Effect.provide(
    Effect.gen(function* () {
      return yield* Topology
    }),
    Topology.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment))))
  )

const refusal = (environment: Record<string, string>) =>
  Effect.map(Effect.flip(topology(environment)), (error) => error.message)

describe("The names of topics and groups", () => {
  it.effect("are refused where a stage would read what another stage writes", () =>
    Effect.gen(function* () {
      assert.match(
        yield* refusal({ TOPIC_ORDERS: "x", TOPIC_CDM_STATS: "x" }),
        /TOPIC_ORDERS and TOPIC_CDM_STATS must differ: each is "x"/
      )
    })
  )

  it.effect("are refused where one is the other's default", () =>
    Effect.gen(function* () {
      assert.match(yield* refusal({ TOPIC_GUEST_TAGS: "cdm-service-stats" }), /TOPIC_CDM_STATS and TOPIC_GUEST_TAGS/)
    })
  )

  it.effect("are refused where two stages would share out their partitions between them", () =>
    Effect.gen(function* () {
      assert.match(
        yield* refusal({ GROUP_STG: "metka", GROUP_DDS: "metka", GROUP_CDM: "metka" }),
        /GROUP_STG and GROUP_DDS and GROUP_CDM must differ: each is "metka"/
      )
    })
  )

  it.effect("are refused where Kafka would refuse them for ever", () =>
    Effect.gen(function* () {
      for (const name of [".", "..", "bad topic", "x".repeat(250)]) {
        assert.match(yield* refusal({ TOPIC_STG_ORDERS: name }), /letters, digits/, name)
      }
      assert.strictEqual((yield* topology({ TOPIC_STG_ORDERS: "..." })).stgOrders, "...")
    })
  )

  it.effect("may be one for a topic and a group", () =>
    Effect.gen(function* () {
      const { groupStg, orders } = yield* topology({ TOPIC_ORDERS: "x", GROUP_STG: "x" })
      assert.deepStrictEqual([orders, groupStg], ["x", "x"])
    })
  )
})
