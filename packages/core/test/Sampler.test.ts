import { assert, describe, it } from "@effect/vitest"
import { makeSampler } from "../src/Sampler.ts"

/** Trace ids whose random part is spread evenly. */
const traceIds = Array.from(
  { length: 1_000 },
  (_, index) =>
    `0123456789abcdef012${Math.floor((index / 1_000) * 2 ** 52)
      .toString(16)
      .padStart(13, "0")}`
)

const sampledBy = (ratio: number) => traceIds.filter((id) => makeSampler("traceidratio", ratio)(id, undefined))

describe("A sampler", () => {
  it("with a ratio takes that share of the traces", () => {
    assert.lengthOf(sampledBy(0.25), 250)
    assert.lengthOf(sampledBy(1), 1_000)
    assert.lengthOf(sampledBy(0), 0)
  })

  it("with a lower ratio takes of the same traces, so that two services with two ratios share whole traces", () => {
    const more = new Set(sampledBy(0.5))
    assert.isTrue(sampledBy(0.1).every((id) => more.has(id)))
  })

  it("based on the parent decides alone where there is none, and else as was decided", () => {
    for (const [name, root] of [
      ["parentbased_always_on", true],
      ["parentbased_always_off", false]
    ] as const) {
      const sampler = makeSampler(name, 1)
      assert.deepStrictEqual(
        [undefined, true, false].map((parent) => sampler(traceIds[0] ?? "", parent)),
        [root, true, false]
      )
    }
    const sampler = makeSampler("parentbased_traceidratio", 0)
    assert.deepStrictEqual(
      [undefined, true, false].map((parent) => sampler(traceIds[999] ?? "", parent)),
      [false, true, false]
    )
  })

  it("not based on the parent does not ask it", () => {
    assert.isTrue(makeSampler("always_on", 1)(traceIds[0] ?? "", false))
    assert.isFalse(makeSampler("always_off", 1)(traceIds[0] ?? "", true))
    assert.isTrue(makeSampler("traceidratio", 1)(traceIds[0] ?? "", false))
  })
})
