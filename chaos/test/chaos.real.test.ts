import { assert, describe, it } from "@effect/vitest"
import { messyStream } from "@metka/testing/messyStream/messyStream"
import { isMissing } from "@metka/testing/realServers"
import { Effect } from "effect"
import type { Step } from "../plan.ts"
import { run } from "../run.ts"

const at = <A extends Step["faults"]>(...faults: A): Step => ({ waitMillis: 0, faults })

/** Every service and every server once at the least, in few steps: a step takes as long as a member's session. */
const plan: ReadonlyArray<Step> = [
  at(
    { kind: "kill", replica: "stg-1", downMillis: 0 },
    { kind: "kill", replica: "dds-1", downMillis: 500 },
    { kind: "kill", replica: "cdm-1", downMillis: 1_000 }
  ),
  at(
    { kind: "zombie", replica: "dds-2", pausedMillis: 7_500 },
    { kind: "kill", replica: "cdm-1", downMillis: 0 },
    { kind: "kill", replica: "cdm-2", downMillis: 0 },
    { kind: "restart", server: "postgres", how: "kill", downMillis: 500 }
  ),
  at(
    { kind: "kill", replica: "stg-2", downMillis: 0 },
    { kind: "kill", replica: "dds-1", downMillis: 0 },
    { kind: "restart", server: "kafka-1", how: "kill", downMillis: 0 },
    { kind: "restart", server: "redis", how: "stop", downMillis: 1_000 }
  ),
  at(
    { kind: "freeze", server: "kafka-1", millis: 4_000 },
    { kind: "cut", server: "postgres" },
    { kind: "stall", server: "redis", millis: 3_000 },
    { kind: "terminate" },
    { kind: "roll", service: "stg" }
  )
]

describe.skipIf(isMissing("kafka", "redis", "postgres"))("Two replicas of each service under load", () => {
  it.live(
    "are killed, paused beyond their session, restarted and cut off with their servers, and end in the oracle's state",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { compared, divergences, steps } = yield* run({
            source: messyStream(4, 800),
            replicas: 2,
            brokers: 1,
            messagesPerSecond: 100,
            plan,
            progress: () => Effect.void
          })
          assert.deepStrictEqual(divergences, [])
          assert.lengthOf(steps, plan.length)
          // 10 seconds are promised; a machine that runs tests may be slower, and kafkajs's default session is 30.
          assert.isBelow(Math.max(...(steps[0]?.catchUpMillis ?? [Infinity])), 25_000)
          assert.strictEqual(compared.orders, 800)
          assert.isAbove(compared.tags, 50)
          assert.isAbove(compared.deadLetters, 30)
          assert.isAbove(compared.parked, 5)
        })
      ),
    240_000
  )
})
