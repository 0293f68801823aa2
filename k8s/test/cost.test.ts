import { assert, beforeEach, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { bill, type Costs, nodesFor, type Prices, room, sum } from "../cost/bill.ts"
import { type Demand, demands, total } from "../cost/demand.ts"
import { databaseDisk, dumpGigabytes, type Growth, monthsOf, ordersIn } from "../cost/growth.ts"
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
  gigabyte: {
    ssd: { roubles: 2.5, what: "SSD", assumed: true },
    "object-storage": { roubles: 1, what: "Object storage", assumed: true }
  }
}

const growth: Growth = { ordersPerMinute: 5, database: 4000, dump: 1000 }

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
    const costs: Costs = {
      rents: { vm: 1 },
      node,
      gigabytes: { ssd: 3 },
      volumes: "ssd",
      growth: { months: 24, dumps: 3 }
    }
    const lines = bill(costs, [demand({ storage: 10 * gib, replicas: 3 })], prices, growth)
    assert.deepStrictEqual(
      lines.map(({ assumed, roubles }) => [roubles, assumed]),
      [
        [1000, false],
        [2000, false],
        [8, true],
        // 3 dumps of 5.26 million orders.
        [16, true],
        [75, true]
      ]
    )
    assert.strictEqual(sum(lines), 3099)
  })

  it("refuses what has no price", () => {
    assert.throws(() => bill({ rents: { moon: 1 }, growth: { months: 1 } }, [], prices, growth), /no price for moon/)
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

describe("A database that grows", () => {
  const postgres = (args: ReadonlyArray<string>): Manifest => ({
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "postgres" },
    spec: {
      template: { spec: { containers: [{ name: "postgres", image: "i", args }] } },
      volumeClaimTemplates: [{ spec: { resources: { requests: { storage: "20Gi" } } } }]
    }
  })
  const cluster: Manifest = {
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "Cluster",
    metadata: { name: "metka-postgres" },
    spec: { storage: { size: "30Gi" }, postgresql: { parameters: { max_wal_size: "2GB", temp_file_limit: "6GB" } } }
  }

  it("has its disk but for WAL and temporary files, whoever makes it", () => {
    const args = ["-c", "max_wal_size=2GB", "-c", "temp_file_limit=3GB"]
    assert.deepStrictEqual(databaseDisk([postgres(args)], undefined), { has: 20 * gib, besides: 5 * gib })
    assert.deepStrictEqual(databaseDisk([cluster], undefined), { has: 30 * gib, besides: 8 * gib })
    const managed = { disk: "40Gi", besides: "1Gi" }
    assert.deepStrictEqual(databaseDisk([], managed), { has: 40 * gib, besides: gib })
  })

  it("must hold its temporary files to a size", () => {
    assert.throws(() => databaseDisk([postgres(["-c", "max_wal_size=2GB"])], undefined), /not told its temp_file_limit/)
  })

  it("fills in so many months, and makes dumps so large", () => {
    assert.closeTo(ordersIn(growth, 12), 2_629_800, 1e-6)
    // 10.5 GB a year.
    assert.strictEqual(monthsOf(growth, { has: 15e9, besides: 4e9 }), 12)
    assert.strictEqual(dumpGigabytes(growth, { months: 12, dumps: 10 }), 27)
    assert.strictEqual(dumpGigabytes(growth, { months: 12 }), 0)
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

  it("would be refused if the database's disk were full before its time", () => {
    const cost = overlayCost("budget", manifestsOf("budget"), readPrices())
    assert.isAtLeast(cost.mustLast, 24)
    assert.deepStrictEqual(objections({ ...cost, lasts: 23 }), [
      "budget: the database's disk is full after 23 months, and must last 24"
    ])
  })

  it("budget: the machine that is made has the disk that is reckoned with and paid for", () => {
    const file = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8")
    const { gigabytes = {}, machine }: Costs = parse(file("overlays/budget/cost.yaml"))
    const [, included] = /SSD of (\d+) GB/.exec(readPrices().month["vm-2-vcpu-20-percent"]?.what ?? "") ?? []
    const size = Number(included) + (gigabytes["ssd"] ?? 0)
    assert.strictEqual(machine?.disk, `${size}Gi`)
    assert.include(file("README.md"), `type=network-ssd,size=${size} `)
    assert.include(file("overlays/budget/cloud-init.yaml"), `8 GB, ${size} GB)`)
  })

  it("README.md has what they cost", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
    for (const overlay of overlays) {
      const { month } = overlayCost(overlay, manifestsOf(overlay), readPrices())
      assert.match(readme, new RegExp(`\\| \`${overlay}\` +\\| ${month.toLocaleString("en-US")} +\\|`))
    }
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
