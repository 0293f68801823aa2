/** Measures the one-shot load, on the same PostgreSQL server. */
import { Data, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { copyFrom, loadStatements, prepareStatements, referenceStatements, settings } from "./baselineSql.ts"
import { checkpoint, databaseSize, onDatabase, writtenAhead } from "./database.ts"
import type { InputFiles } from "./input.ts"
import { cpuSeconds, endedChildrenCpuSeconds } from "./processUsage.ts"

export class CopyFailed extends Data.TaggedError("CopyFailed")<{ readonly message: string }> {}

/** Seconds, CPU-seconds, MiB as the names say. */
export interface BaselineMeasured {
  /** From the first byte copied until the marts have everything. */
  readonly seconds: number
  readonly copySeconds: number
  /** `psql`, or the server reading the file itself. */
  readonly copiedBy: "psql" | "server"
  /** PostgreSQL's, and psql's. */
  readonly cpu: number
  readonly writtenAheadMib: number
  readonly databaseMib: number
  /** The five that took longest, `seconds` each. */
  readonly slowest: ReadonlyArray<{ readonly statement: string; readonly seconds: number }>
}

const psql = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "psql"))
  .find((file) => existsSync(file))

const copyByPsql = (executable: string, url: string, table: string, file: string) =>
  Effect.tryPromise({
    try: () =>
      new Promise<void>((resolve, reject) => {
        const args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", `\\${copyFrom(table, `'${file}'`)}`]
        const child = spawn(executable, args, { stdio: ["ignore", "ignore", "pipe"] })
        let output = ""
        child.stderr.on("data", (data) => (output += String(data)))
        child.once("error", reject)
        child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(output))))
      }),
    catch: (error) => new CopyFailed({ message: `psql: ${error instanceof Error ? error.message : String(error)}` })
  })

/** psql sends the file as any client would; without it the server reads the file, which saves the way. */
const copy = (url: string, table: string, file: string) =>
  psql === undefined
    ? onDatabase(
        url,
        Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.asVoid(sql.unsafe(copyFrom(table, `'${file}'`))))
      )
    : copyByPsql(psql, url, table, file)

const runAll = Effect.fnUntraced(function* (statements: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const times: Array<{ readonly statement: string; readonly seconds: number }> = []
  for (const statement of statements) {
    const startedAt = performance.now()
    yield* sql.unsafe(statement)
    times.push({
      statement: statement.replaceAll(/\s+/g, " ").slice(0, 60),
      seconds: (performance.now() - startedAt) / 1_000
    })
  }
  return times
})

/** Loads the files into the migrated database at `url`. */
export const measureBaseline = Effect.fnUntraced(function* (url: string, postgresPid: number, files: InputFiles) {
  yield* onDatabase(url, runAll(prepareStatements))
  yield* copy(url, "raw.reference_lines", files.references)
  yield* onDatabase(url, Effect.andThen(runAll(referenceStatements), checkpoint))
  const walBefore = yield* onDatabase(url, writtenAhead)
  const cpuBefore = (yield* cpuSeconds(postgresPid)) + (yield* endedChildrenCpuSeconds)

  const startedAt = performance.now()
  yield* copy(url, "raw.orders", files.orders)
  const copySeconds = (performance.now() - startedAt) / 1_000
  const times = yield* onDatabase(
    url,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      return yield* sql.withTransaction(Effect.andThen(runAll(settings), runAll(loadStatements)))
    })
  )
  const seconds = (performance.now() - startedAt) / 1_000

  const cpuAfter = (yield* cpuSeconds(postgresPid)) + (yield* endedChildrenCpuSeconds)
  const walAfter = yield* onDatabase(url, writtenAhead)
  const measured: BaselineMeasured = {
    seconds,
    copySeconds,
    copiedBy: psql === undefined ? "server" : "psql",
    cpu: cpuAfter - cpuBefore,
    writtenAheadMib: (walAfter - walBefore) / 1_048_576,
    databaseMib:
      (yield* onDatabase(
        url,
        Effect.andThen(
          Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe("drop schema raw cascade")),
          databaseSize
        )
      )) / 1_048_576,
    slowest: times.toSorted((a, b) => b.seconds - a.seconds).slice(0, 5)
  }
  return measured
})
