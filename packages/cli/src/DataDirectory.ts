/** The directory of `metka start --data DIR`, which one process at a time has to itself: PGlite lets any number in. */
import { Effect, Layer, Schema } from "effect"
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

export class DataDirectoryUnusable extends Schema.TaggedError<DataDirectoryUnusable>()("DataDirectoryUnusable", {
  message: Schema.String
}) {}

/** For the message of whoever comes second; the lock itself does not depend on it. */
const holderFile = (directory: string): string => join(directory, "lock.holder")

/**
 * The lock is SQLite's, on an empty database that nobody writes to. Node locks no file, and this lock the system lifts
 * however the process ends. A process id in a file outlives a kill, and can by then be another process's; in a container
 * it is one's own.
 */
const lock = (directory: string): DatabaseSync => {
  mkdirSync(directory, { recursive: true })
  // SQLite would say no more than that it is unable to open the file.
  accessSync(directory, constants.W_OK | constants.X_OK)
  const database = new DatabaseSync(join(directory, "lock"))
  try {
    // Not exclusive: of several that begin at once, one gets this, while those could all be refused.
    database.exec("begin immediate")
    writeFileSync(holderFile(directory), `${process.pid} ${hostname()}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const busy = 5

const isBusy = (error: unknown): boolean => error instanceof Error && "errcode" in error && error.errcode === busy

/** On another machine or in another container the process id alone would mislead. */
const holderOf = (directory: string): string => {
  try {
    const [, pid, host] = /^(\d+) (.+)$/.exec(readFileSync(holderFile(directory), "utf8")) ?? []
    if (pid === undefined) return "another process"
    return host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`
  } catch {
    return "another process"
  }
}

const unusable = (directory: string, cause: unknown) =>
  new DataDirectoryUnusable({
    message: isBusy(cause)
      ? `${directory} is in use by ${holderOf(directory)}: two at once would destroy the database in it. ` +
        "Stop that one first, or give another directory"
      : `The data directory ${directory} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        "Give a folder in which this user may write"
  })

/** Makes the directory if it is not there, and keeps other processes out of it. */
export const layer = (directory: string): Layer.Layer<never, DataDirectoryUnusable> =>
  Layer.effectDiscard(
    Effect.acquireRelease(
      Effect.try({ try: () => lock(directory), catch: (cause) => unusable(directory, cause) }),
      (database) => Effect.sync(() => database.close())
    )
  )
