/**
 * One process at a time, by a file that names its holder. The lock of a process that died is taken over. Two that take
 * it over in the same instant both go on: a build each, of the same files.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import { setTimeout } from "node:timers/promises"

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const isFreed = async (file: string): Promise<boolean> => {
  const holder = Number(await readFile(file, "utf8").catch(() => ""))
  if (holder === 0 || isRunning(holder)) return false
  await rm(file, { force: true })
  return true
}

const take = async (file: string): Promise<void> => {
  for (;;) {
    try {
      return await writeFile(file, String(process.pid), { flag: "wx" })
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
      if (!(await isFreed(file))) await setTimeout(50)
    }
  }
}

export const withLock = async (file: string, work: () => Promise<void>): Promise<void> => {
  await mkdir(dirname(file), { recursive: true })
  await take(file)
  try {
    await work()
  } finally {
    await rm(file, { force: true })
  }
}
