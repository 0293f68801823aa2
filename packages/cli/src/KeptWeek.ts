/** Which demo week a data directory holds, so that `metka start --data DIR` goes on with the same one. */
import { Effect, Option, Schema } from "effect"
import { readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DataDirectoryUnusable } from "./DataDirectory.ts"

export interface KeptWeek {
  readonly orders: number
  readonly seed: number
  /** Epoch milliseconds. */
  readonly endsAt: number
}

const WeekFile = Schema.Struct({
  orders: Schema.Int,
  seed: Schema.Int,
  endsAt: Schema.Int,
  isLoaded: Schema.Boolean
})
type WeekFile = typeof WeekFile.Type

const decodeWeekFile = Schema.decodeUnknownSync(Schema.fromJsonString(WeekFile))

const fileOf = (directory: string): string => join(directory, "week.json")

const unusable = (directory: string) => (cause: unknown) =>
  new DataDirectoryUnusable({
    message: `The data directory ${directory} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`
  })

const read = (directory: string): Effect.Effect<WeekFile | undefined, DataDirectoryUnusable> =>
  Effect.tryPromise({
    try: async () => {
      try {
        return decodeWeekFile(await readFile(fileOf(directory), "utf8"))
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
        throw error
      }
    },
    catch: unusable(directory)
  })

const write = (directory: string, week: WeekFile): Effect.Effect<void, DataDirectoryUnusable> =>
  Effect.tryPromise({
    try: async () => {
      // A crash in the middle must not leave half a file.
      await writeFile(`${fileOf(directory)}.new`, JSON.stringify(week))
      await rename(`${fileOf(directory)}.new`, fileOf(directory))
    },
    catch: unusable(directory)
  })

/** The week that the directory holds, or a new one that ends now. Without a directory nothing is remembered. */
export const rememberWeek = Effect.fnUntraced(function* (
  directory: Option.Option<string>,
  wanted: { readonly orders: number; readonly seed: number },
  now: number
) {
  const fresh: WeekFile = { orders: wanted.orders, seed: wanted.seed, endsAt: now, isLoaded: false }
  if (Option.isNone(directory)) return { week: fresh, isLoaded: false, markLoaded: Effect.void }
  const path = directory.value
  const held = yield* read(path)
  if (held !== undefined && (held.orders !== wanted.orders || held.seed !== wanted.seed)) {
    return yield* new DataDirectoryUnusable({
      message: `${path} holds another demo week: give --orders ${held.orders} --seed ${held.seed}, or another directory`
    })
  }
  const week = held ?? fresh
  if (held === undefined) yield* write(path, week)
  return { week, isLoaded: week.isLoaded, markLoaded: write(path, { ...week, isLoaded: true }) }
})
