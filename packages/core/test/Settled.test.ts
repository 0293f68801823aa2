import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { BadRecord } from "../src/messages/BadRecord.ts"
import { combineSettled } from "../src/Settled.ts"

const letter = (offset: number) => ({
  record: {
    topic: "orders",
    partition: 0,
    offset,
    timestamp: 0,
    key: null,
    value: null,
    headers: new Map<string, Uint8Array>()
  },
  bad: new BadRecord({ reason: "schema", detail: "" })
})

describe("Settled", () => {
  it("two halves of a split batch are as good as the whole", () => {
    assert.deepStrictEqual(
      combineSettled(
        { outcomes: { accepted: 2, stale: 1 }, letters: [letter(1)], took: { store: Duration.millis(500) } },
        {
          outcomes: { accepted: 3 },
          letters: [letter(2)],
          took: { store: Duration.millis(250), publish: Duration.seconds(1) }
        }
      ),
      {
        outcomes: { accepted: 5, stale: 1 },
        letters: [letter(1), letter(2)],
        took: { store: Duration.millis(750), publish: Duration.seconds(1) }
      }
    )
  })
})
