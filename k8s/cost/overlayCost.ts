/** The costs of an overlay, read from its manifests, its cost.yaml and the newest price list. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import { folderOf, type Manifest, type Overlay } from "../src/manifests.ts"
import { bill, type Costs, type Line, type Prices, type Room, room, sum } from "./bill.ts"
import { type Demand, demands } from "./demand.ts"
import { databaseDisk, type DatabaseDisk, monthsOf, readGrowth } from "./growth.ts"

const lists = fileURLToPath(new URL("../prices", import.meta.url))

/** A list's name ends with its month, so the last one is the newest. */
export const readPrices = (): Prices => {
  const newest = globSync("*.yaml", { cwd: lists }).toSorted().at(-1)
  if (newest === undefined) throw new Error(`no price list in ${lists}`)
  return parse(readFileSync(join(lists, newest), "utf8"))
}

export interface OverlayCost {
  readonly overlay: Overlay
  readonly lines: ReadonlyArray<Line>
  readonly month: number
  readonly limit: number | undefined
  readonly demands: ReadonlyArray<Demand>
  readonly room: ReadonlyArray<Room>
  readonly besides: NonNullable<Costs["machine"]>["besides"]
  readonly database: DatabaseDisk
  /** How long the disk of the database lasts, and how long it must. */
  readonly lasts: number
  readonly mustLast: number
}

export const overlayCost = (overlay: Overlay, manifests: ReadonlyArray<Manifest>, prices: Prices): OverlayCost => {
  const costs: Costs = parse(readFileSync(join(folderOf(overlay), "cost.yaml"), "utf8"))
  const all = demands(manifests)
  const growth = readGrowth()
  const lines = bill(costs, all, prices, growth)
  const database = databaseDisk(manifests, costs.growth.managed)
  return {
    overlay,
    lines,
    month: sum(lines),
    limit: costs.limit,
    demands: all,
    room: costs.machine === undefined ? [] : room(costs.machine, all),
    besides: costs.machine?.besides ?? [],
    database,
    lasts: monthsOf(growth, database),
    mustLast: costs.growth.months
  }
}

/** Why it may not stay as it is. */
export const objections = (cost: OverlayCost): ReadonlyArray<string> => [
  ...(cost.limit !== undefined && cost.month > cost.limit
    ? [`${cost.overlay}: ${cost.month} roubles a month are more than ${cost.limit}`]
    : []),
  ...cost.room
    .filter(({ has, needs }) => needs > has)
    .map(({ of, has, needs }) => `${cost.overlay}: its machine has ${of} ${has}, and ${needs} are needed`),
  ...(cost.lasts < cost.mustLast
    ? [`${cost.overlay}: the database's disk is full after ${cost.lasts} months, and must last ${cost.mustLast}`]
    : [])
]
