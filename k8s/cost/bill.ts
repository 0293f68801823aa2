/** What an overlay costs a month: what it rents, at the prices of a list. */
import { type Demand, total } from "./demand.ts"
import { dumpGigabytes, type Growth, type Horizon } from "./growth.ts"
import { gibibytes, quantity } from "./quantity.ts"

export interface Price {
  readonly roubles: number
  readonly what: string
  /** Not from the published list. */
  readonly assumed?: boolean
}

export interface Prices {
  readonly date: string
  readonly source: string
  readonly vat: string
  readonly month: Readonly<Record<string, Price>>
  readonly gigabyte: Readonly<Record<string, Price>>
}

/** `cost.yaml` beside an overlay. */
export interface Costs {
  /** More than this a month is a failure. */
  readonly limit?: number
  /** How many of what the list has a price for. */
  readonly rents: Readonly<Record<string, number>>
  readonly gigabytes?: Readonly<Record<string, number>>
  readonly node?: { readonly rent: string; readonly memory: string; readonly cpu: string; readonly atLeast: number }
  /** The price of a gigabyte of the volumes that pods claim; without it they are on a rented machine's own disk. */
  readonly volumes?: string
  readonly machine?: Machine
  readonly growth: Horizon
}

/** The one machine that everything runs on. */
export interface Machine {
  readonly memory: string
  readonly cpu: string
  readonly disk: string
  readonly besides: ReadonlyArray<{
    readonly what: string
    readonly memory?: string
    readonly cpu?: string
    readonly disk?: string
  }>
}

export interface Line {
  readonly what: string
  readonly count: number
  readonly roubles: number
  readonly assumed: boolean
}

const priced = (list: Readonly<Record<string, Price>>, name: string): Price => {
  const price = list[name]
  if (price === undefined) throw new Error(`no price for ${name}`)
  return price
}

const line = (price: Price, count: number): Line => ({
  what: price.what,
  count,
  roubles: Math.ceil(price.roubles * count),
  assumed: price.assumed ?? false
})

export const nodesFor = (all: ReadonlyArray<Demand>, node: NonNullable<Costs["node"]>): number =>
  Math.max(
    node.atLeast,
    Math.ceil(total(all, "memory") / quantity(node.memory)),
    Math.ceil(total(all, "cpu") / quantity(node.cpu))
  )

export const bill = (costs: Costs, all: ReadonlyArray<Demand>, prices: Prices, growth: Growth): ReadonlyArray<Line> => [
  ...Object.entries(costs.rents).map(([name, count]) => line(priced(prices.month, name), count)),
  ...(costs.node === undefined ? [] : [line(priced(prices.month, costs.node.rent), nodesFor(all, costs.node))]),
  ...Object.entries(costs.gigabytes ?? {}).map(([name, count]) => line(priced(prices.gigabyte, name), count)),
  ...(costs.growth.dumps === undefined
    ? []
    : [line(priced(prices.gigabyte, "object-storage"), dumpGigabytes(growth, costs.growth))]),
  ...(costs.volumes === undefined
    ? []
    : [line(priced(prices.gigabyte, costs.volumes), Math.ceil(gibibytes(total(all, "storage"))))])
]

export const sum = (lines: ReadonlyArray<Line>): number => lines.reduce((roubles, each) => roubles + each.roubles, 0)

export interface Room {
  readonly of: "memory" | "cpu" | "disk"
  readonly has: number
  readonly needs: number
}

/**
 * Whether everything fits on the machine: memory if every pod takes all that it may, cores as requested, and the disk
 * with every volume and every `emptyDir` full.
 */
export const room = (machine: Machine, all: ReadonlyArray<Demand>): ReadonlyArray<Room> => {
  const besides = (field: "memory" | "cpu" | "disk") =>
    machine.besides.reduce((rest, each) => rest + quantity(each[field] ?? "0"), 0)
  return [
    { of: "memory", has: quantity(machine.memory), needs: total(all, "memoryLimit") + besides("memory") },
    { of: "cpu", has: quantity(machine.cpu), needs: total(all, "cpu") + besides("cpu") },
    {
      of: "disk",
      has: quantity(machine.disk),
      needs: total(all, "storage") + total(all, "scratch") + besides("disk")
    }
  ]
}
