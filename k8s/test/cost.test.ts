import { assert, beforeEach, describe, it } from "@effect/vitest"
import { bill, type Costs, nodesFor, type Prices, room, sum } from "../cost/bill.ts"
import { type Demand, demands, total } from "../cost/demand.ts"
import { objections, overlayCost, readPrices } from "../cost/overlayCost.ts"
import { quantity } from "../cost/quantity.ts"
import { type Manifest, manifestsOf, overlays } from "../src/manifests.ts"
import { missingFor } from "../src/tools.ts"

const isCi = ["true", "1"].includes(process.env["CI"] ?? "")
const missing = isCi ? undefined : missingFor("kustomize")

const gib = 2 ** 30

const demand = (some: Partial<Demand>): Demand => ({
  name: "some",
  replicas: 1,
  cpu: 0,
  memory: 0,
  memoryLimit: 0,
  storage: 0,
  scratch: 0,
  ...some
})

const prices: Prices = {
  date: "2025-10-01",
  source: "made up",
  vat: "included",
  month: { vm: { roubles: 1000, what: "VM" } },
  gigabyte: { ssd: { roubles: 2.5, what: "SSD", assumed: true } }
}

describe("Quantities", () => {
  it("are read as Kubernetes writes them", () => {
    assert.deepStrictEqual(["250m", "1", "1.5", "512Mi", "2Gi", "1M"].map(quantity), [
      0.25,
      1,
      1.5,
      2 ** 29,
      2 * gib,
      1e6
    ])
    assert.throws(() => quantity("1 GB"), /not a quantity/)
  })
})

describe("A bill", () => {
  const node = { rent: "vm", memory: "4Gi", cpu: "2", atLeast: 2 }

  it("has as many nodes as memory or cores ask for, and no fewer than it must", () => {
    assert.strictEqual(nodesFor([demand({ memory: gib })], node), 2)
    assert.strictEqual(nodesFor([demand({ memory: gib, replicas: 9 })], node), 3)
    assert.strictEqual(nodesFor([demand({ cpu: 7 })], node), 4)
  })

  it("adds rents, nodes, gigabytes and volumes, and says which prices are assumed", () => {
    const costs: Costs = { rents: { vm: 1 }, node, gigabytes: { ssd: 3 }, volumes: "ssd" }
    const lines = bill(costs, [demand({ storage: 10 * gib, replicas: 3 })], prices)
    assert.deepStrictEqual(
      lines.map(({ assumed, roubles }) => [roubles, assumed]),
      [
        [1000, false],
        [2000, false],
        [8, true],
        [75, true]
      ]
    )
    assert.strictEqual(sum(lines), 3083)
  })

  it("refuses what has no price", () => {
    assert.throws(() => bill({ rents: { moon: 1 } }, [], prices), /no price for moon/)
  })
})

describe("What pods ask for", () => {
  const resources = (memory: string) => ({ requests: { cpu: "100m", memory }, limits: { cpu: "1", memory } })
  const deployment: Manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "some" },
    spec: {
      template: {
        spec: {
          initContainers: [{ name: "first", image: "i", resources: resources("3Gi") }],
          containers: [
            { name: "a", image: "i", resources: resources("1Gi") },
            { name: "b", image: "i", resources: resources("1Gi") }
          ]
        }
      }
    }
  }

  it("is the sum of a pod's containers, or its largest init container, times what the scaler keeps", () => {
    const scaler: Manifest = {
      apiVersion: "keda.sh/v1alpha1",
      kind: "ScaledObject",
      metadata: { name: "some" },
      spec: { scaleTargetRef: { name: "some" }, minReplicaCount: 2 }
    }
    const all = demands([deployment, scaler])
    assert.strictEqual(total(all, "memory"), 6 * gib)
    assert.closeTo(total(all, "cpu"), 0.4, 1e-9)
  })

  it("counts what operators make of custom resources", () => {
    const pool: Manifest = {
      apiVersion: "kafka.strimzi.io/v1",
      kind: "KafkaNodePool",
      metadata: { name: "broker" },
      spec: { replicas: 3, resources: resources("1Gi"), storage: { volumes: [{ size: "10Gi" }] } }
    }
    const all = demands([pool])
    assert.deepStrictEqual([total(all, "memory"), total(all, "storage")], [3 * gib, 30 * gib])
  })

  it("counts what a pod may write beside its volumes, and will not guess how much that is", () => {
    const scratch = (emptyDir: object): Manifest => ({
      ...deployment,
      spec: { template: { spec: { containers: [], volumes: [{ name: "tmp", emptyDir }] } } }
    })
    const all = demands([scratch({ sizeLimit: "2Gi" })])
    assert.deepStrictEqual([total(all, "scratch"), total(all, "storage")], [2 * gib, 0])
    assert.throws(() => demands([scratch({})]), /some does not say how large tmp may be/)
  })

  it("must be said: a container that does not is an error", () => {
    const silent: Manifest = {
      ...deployment,
      spec: { template: { spec: { containers: [{ name: "a", image: "i" }] } } }
    }
    assert.throws(() => demands([silent]), /some does not say how much cpu/)
  })
})

describe("One machine", () => {
  it("must hold everything at once, what is not in the manifests included", () => {
    const machine = { memory: "4Gi", cpu: "1", disk: "10Gi", besides: [{ what: "system", memory: "1Gi", disk: "5Gi" }] }
    const fits = room(machine, [demand({ memoryLimit: 3 * gib, cpu: 1, storage: 3 * gib, scratch: 2 * gib })])
    assert.isTrue(fits.every(({ has, needs }) => needs <= has))
    const full = room(machine, [demand({ memoryLimit: 3 * gib + 1, cpu: 1.1, storage: 3 * gib, scratch: 3 * gib })])
    assert.isTrue(full.every(({ has, needs }) => needs > has))
  })
})

describe("The overlays", () => {
  beforeEach(({ skip }) => skip(missing !== undefined, missing))

  it("cost what they may, budget at most 4,000 roubles a month, and fit on their machine", { timeout: 60_000 }, () => {
    const costs = overlays.map((overlay) => overlayCost(overlay, manifestsOf(overlay), readPrices()))
    assert.deepStrictEqual(costs.flatMap(objections), [])
    const budget = costs.find(({ overlay }) => overlay === "budget")
    assert.strictEqual(budget?.limit, 4000)
    assert.isAbove(budget?.month ?? 0, 0)
    assert.lengthOf(budget?.room ?? [], 3)
  })

  it("would be refused at twice the price", () => {
    const list = readPrices()
    const doubled = Object.fromEntries(
      Object.entries(list.month).map(([name, price]) => [name, { ...price, roubles: price.roubles * 2 }])
    )
    const [objection] = objections(overlayCost("budget", manifestsOf("budget"), { ...list, month: doubled }))
    assert.match(objection ?? "", /budget: \d+ roubles a month are more than 4000/)
  })
})
