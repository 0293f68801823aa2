/** How long a database's disk lasts, and how large its dumps become. */
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import type { Manifest } from "../src/manifests.ts"
import { workloads } from "../src/workloads.ts"
import { quantity } from "./quantity.ts"

/** `growth.yaml`: what orders take. */
export interface Growth {
  readonly ordersPerMinute: number
  /** Bytes an order. */
  readonly database: number
  readonly dump: number
}

/** In `cost.yaml`: what an overlay has to hold. */
export interface Horizon {
  /** So long the disk of the database must last. */
  readonly months: number
  /** Dumps that are kept, and one that is being made. */
  readonly dumps?: number
  /** A database that is not in the manifests: its disk, and what of it WAL and temporary files may take. */
  readonly managed?: { readonly disk: string; readonly besides: string }
}

export const readGrowth = (): Growth => parse(readFileSync(new URL("growth.yaml", import.meta.url), "utf8"))

/** Bytes. */
export interface DatabaseDisk {
  readonly has: number
  /** Not for tables: WAL, and temporary files of one session. */
  readonly besides: number
}

interface ClusterSpec {
  readonly storage: { readonly size: string }
}

/** PostgreSQL's units are powers of two. */
const setting = (postgres: string, name: string): number => {
  const [, value] = new RegExp(`${name}"?[=:]"?(\\d+GB)`).exec(postgres) ?? []
  if (value === undefined) throw new Error(`PostgreSQL is not told its ${name} in GB`)
  return quantity(value.replace("GB", "Gi"))
}

export const databaseDisk = (manifests: ReadonlyArray<Manifest>, managed: Horizon["managed"]): DatabaseDisk => {
  if (managed !== undefined) return { has: quantity(managed.disk), besides: quantity(managed.besides) }
  const [size, postgres] = [
    ...workloads(manifests)
      .filter(({ kind, name }) => kind === "StatefulSet" && name === "postgres")
      .map(({ pod, storage: [storage = "none"] }) => [storage, JSON.stringify(pod)] as const),
    ...manifests
      .filter(({ kind, metadata }) => kind === "Cluster" && metadata.name === "metka-postgres")
      .map(({ spec }) => [(spec as ClusterSpec).storage.size, JSON.stringify(spec)] as const)
  ][0] ?? ["none", ""]
  return { has: quantity(size), besides: setting(postgres, "max_wal_size") + setting(postgres, "temp_file_limit") }
}

const minutesOfMonth = (365.25 / 12) * 24 * 60

export const ordersIn = (growth: Growth, months: number): number => months * minutesOfMonth * growth.ordersPerMinute

/** Gigabytes of object storage at the end of that time. */
export const dumpGigabytes = (growth: Growth, { dumps = 0, months }: Horizon): number =>
  Math.ceil((dumps * growth.dump * ordersIn(growth, months)) / 1e9)

/** Whole months until the disk is full. */
export const monthsOf = (growth: Growth, disk: DatabaseDisk): number =>
  Math.floor((disk.has - disk.besides) / (growth.database * ordersIn(growth, 1)))
