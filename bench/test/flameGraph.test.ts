import { describe, expect, it } from "vitest"
import { callTree, type CpuProfile, dearestFunctions } from "../cpuProfile.ts"
import { flameGraph } from "../flameGraph.ts"

const frame = (functionName: string, url = "", lineNumber = 0) => ({ functionName, url, lineNumber })

/** main → work (twice, as V8 writes it at two call sites) → hash; and idle time. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 6] },
    { id: 2, callFrame: frame("main", "file:///somewhere/packages/stg/src/main.ts", 9), children: [3, 4] },
    { id: 3, callFrame: frame("work", "file:///somewhere/node_modules/kafkajs/src/index.js", 4), children: [5] },
    { id: 4, callFrame: frame("work", "file:///somewhere/node_modules/kafkajs/src/index.js", 4) },
    { id: 5, callFrame: frame("<hash>") },
    { id: 6, callFrame: frame("(idle)") }
  ],
  samples: [2, 3, 4, 5, 6],
  timeDeltas: [1_000, 2_000, 3_000, 4_000, 90_000]
}

describe("a CPU profile", () => {
  const root = callTree(profile)

  it("is a tree of calls with the time of each and of all below it, without idling", () => {
    expect(root.total).toBe(10_000)
    expect(root.children).toHaveLength(1)
    expect(root.children[0]).toMatchObject({ name: "main packages/stg/src/main.ts:10", self: 1_000, total: 10_000 })
  })

  it("shows one function under one caller once", () => {
    expect(root.children[0]?.children).toMatchObject([
      { name: "work kafkajs/src/index.js:5", self: 5_000, total: 9_000 }
    ])
  })

  it("names the functions that took longest themselves", () => {
    expect(dearestFunctions(root, 2)).toEqual([
      { name: "work kafkajs/src/index.js:5", self: 5_000 },
      { name: "<hash>", self: 4_000 }
    ])
  })

  it("of nothing is nothing", () => {
    expect(callTree({ nodes: [], samples: [], timeDeltas: [] }).total).toBe(0)
  })
})

describe("a flame graph", () => {
  const svg = flameGraph("STG", callTree(profile))

  it("is as wide in each frame as the frame's share of the time", () => {
    const width = (name: string) => Number(new RegExp(`data-w="([\\d.]+)" data-n="${name}`).exec(svg)?.[1])
    expect(width("work") / width("main")).toBeCloseTo(0.9, 3)
    expect(width("&lt;hash&gt;") / width("main")).toBeCloseTo(0.4, 3)
  })

  it("says the time of a frame, and holds no name as markup", () => {
    expect(svg).toContain("work kafkajs/src/index.js:5: 9.0 ms, 90.0 %, itself 5.0 ms")
    expect(svg).not.toContain("<hash>")
  })

  it("of nothing is still an image", () => {
    expect(flameGraph("nothing", callTree({ nodes: [], samples: [], timeDeltas: [] }))).toContain("</svg>")
  })
})
