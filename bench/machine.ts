/** Where a run was measured. */
import { Effect } from "effect"
import { arch, cpus, loadavg, platform, totalmem } from "node:os"
import { onDatabase, serverVersion } from "./database.ts"

export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryGib: number
  readonly system: string
  readonly node: string
  readonly postgres: string
  /** Runnable processes, one-minute average, before anything was started: above 0 somebody else was at work too. */
  readonly loadBefore: number
}

export const currentLoad = (): number => loadavg()[0] ?? 0

export const describeMachine = Effect.fnUntraced(function* (postgresUrl: string, loadBefore: number) {
  const processors = cpus()
  const machine: Machine = {
    cores: processors.length,
    cpu: processors[0]?.model.trim() ?? "unknown",
    memoryGib: Math.round(totalmem() / 1_073_741_824),
    system: `${platform()} ${arch()}`,
    node: process.version,
    postgres: yield* onDatabase(postgresUrl, serverVersion),
    loadBefore
  }
  return machine
})
