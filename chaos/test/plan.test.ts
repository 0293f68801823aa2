import { assert, describe, it } from "@effect/vitest"
import { makePlan, type Step } from "../plan.ts"

const faultsOf = (plan: ReadonlyArray<Step>) => plan.flatMap(({ faults }) => faults)

describe("The plan of a run of chaos", () => {
  it("is the same for the same seed, and another for another", () => {
    const options = { seed: 7, kills: 40, replicas: 2, brokers: 1 }
    assert.deepStrictEqual(makePlan(options), makePlan(options))
    assert.notDeepEqual(makePlan(options), makePlan({ ...options, seed: 8 }))
  })

  it("has as many kills as asked for, and within 300 every fault there is", () => {
    const faults = faultsOf(makePlan({ seed: 1, kills: 300, replicas: 2, brokers: 3 }))
    assert.lengthOf(
      faults.filter(({ kind }) => kind === "kill"),
      300
    )
    const kinds = new Set(faults.map((fault) => ("server" in fault ? `${fault.kind} ${fault.server}` : fault.kind)))
    for (const kind of ["restart", "cut", "stall"]) {
      for (const server of ["kafka-1", "kafka-2", "kafka-3", "redis", "postgres"])
        assert.isTrue(kinds.has(`${kind} ${server}`))
    }
    for (const broker of [1, 2, 3]) assert.isTrue(kinds.has(`freeze kafka-${broker}`))
    for (const kind of ["zombie", "roll", "terminate"]) assert.isTrue(kinds.has(kind))
  })

  it("never strikes one process twice at a time", () => {
    for (let seed = 0; seed < 200; seed++) {
      for (const { faults } of makePlan({ seed, kills: 30, replicas: 2, brokers: 3 })) {
        const struck = faults.flatMap((fault) =>
          fault.kind === "roll"
            ? [`${fault.service}-1`, `${fault.service}-2`]
            : "replica" in fault
              ? [fault.replica]
              : []
        )
        assert.lengthOf(new Set(struck), struck.length)
      }
    }
  })
})
