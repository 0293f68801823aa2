import { assert, layer } from "@effect/vitest"
import * as KafkaMemory from "@metka/core/KafkaMemory"
import { Topology } from "@metka/core/Topology"
import { send } from "@metka/testing/againstOracle"
import { Effect, Layer } from "effect"
import { lostByKafka } from "../judge.ts"

const message = (text: string) => ({ key: null, value: Buffer.from(text) })

layer(Layer.merge(KafkaMemory.layer(), Topology.layerDefault()))("The judge of chaos", (it) => {
  it.effect("counts what Kafka acknowledged and does not hold, and not what it holds more often", () =>
    Effect.gen(function* () {
      yield* send([message("a"), message("a"), message("b")])
      assert.deepStrictEqual(yield* lostByKafka([message("a"), message("b")]), [])
      assert.deepStrictEqual(yield* lostByKafka([message("a"), message("b"), message("b"), message("c")]), [
        "2 of 4 acknowledged messages are not in the topic"
      ])
    })
  )
})
