/** What processes cost, as Linux counts it in /proc. */
import { Data, Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

/** This machine has no /proc, or the process is gone. */
export class UsageUnknown extends Data.TaggedError("UsageUnknown")<{ readonly message: string }> {}

interface Stat {
  readonly parent: number
  /** Of all its threads. */
  readonly ownTicks: number
  /** Of its children that have ended and been waited for, and of theirs. */
  readonly endedChildrenTicks: number
}

/** Fields after the command, which may hold spaces and parentheses. Source: proc_pid_stat(5). */
const readStat = (pid: number): Stat | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    const at = (number: number): number => Number(fields[number - 3])
    return { parent: at(4), ownTicks: at(14) + at(15), endedChildrenTicks: at(16) + at(17) }
  } catch {
    return undefined
  }
}

let ticks: number | undefined
const ticksASecond = (): number => (ticks ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" })))

const unknown = (pid: number) => new UsageUnknown({ message: `/proc says nothing of the process ${pid}` })

/**
 * CPU-seconds, user and system, that a process and all below it have used so far, those that have ended included:
 * PostgreSQL forks a backend a connection, and its postmaster waits for each.
 */
export const cpuSeconds = (pid: number): Effect.Effect<number, UsageUnknown> =>
  Effect.suspend(() => {
    const root = readStat(pid)
    if (root === undefined) return Effect.fail(unknown(pid))
    const children = new Map<number, Array<number>>()
    const stats = new Map<number, Stat>([[pid, root]])
    for (const name of readdirSync("/proc")) {
      const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined
      if (stat === undefined) continue
      stats.set(Number(name), stat)
      const siblings = children.get(stat.parent)
      if (siblings === undefined) children.set(stat.parent, [Number(name)])
      else siblings.push(Number(name))
    }
    let sum = 0
    const toVisit = [pid]
    for (let next = toVisit.pop(); next !== undefined; next = toVisit.pop()) {
      const stat = stats.get(next)
      sum += stat === undefined ? 0 : stat.ownTicks + stat.endedChildrenTicks
      toVisit.push(...(children.get(next) ?? []))
    }
    return Effect.succeed(sum / ticksASecond())
  })

/** CPU-seconds of this process's children that have ended. */
export const endedChildrenCpuSeconds = Effect.sync(
  () => (readStat(process.pid)?.endedChildrenTicks ?? 0) / ticksASecond()
)

const memoryField = (pid: number, field: "VmHWM" | "VmRSS"): Effect.Effect<number, UsageUnknown> =>
  Effect.try({
    try: () =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) /
      1_024,
    catch: () => unknown(pid)
  }).pipe(Effect.filterOrFail(Number.isFinite, () => unknown(pid)))

/** The most physical memory that a process, without its children, has held so far, in MiB. */
export const peakMemory = (pid: number) => memoryField(pid, "VmHWM")

/** The physical memory that a process, without its children, holds now, in MiB. */
export const residentMemory = (pid: number) => memoryField(pid, "VmRSS")
