import { assert, describe, it } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { metkaMain, type Process, runProcess, startProcess } from "@metka/testing/processes"
import { temporaryFolder } from "@metka/testing/processSystem"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"

const argsOf = (directory: string) => [metkaMain, "start", "--orders", "50", "--data", directory]
const env = { HTTP_PORT: "0" }

const hasLoaded = (started: Process): boolean => started.stdout().includes("orders a minute arrive now")

/** Starts the embedded system and waits until its week is loaded. */
const startIn = Effect.fnUntraced(function* (directory: string) {
  const started = yield* startProcess(argsOf(directory), env)
  yield* eventuallyTrue(
    "the week is loaded",
    Effect.sync(() => {
      assert.isUndefined(started.ended(), started.stderr())
      return hasLoaded(started)
    }),
    "60 seconds"
  )
  return started
})

const runOnceIn = (directory: string) => runProcess([...argsOf(directory), "--once"], env)

const contentOf = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((file) => statSync(join(directory, file)).isFile())
      .map((file) => [
        file,
        createHash("sha256")
          .update(readFileSync(join(directory, file)))
          .digest("hex")
      ])
  )

describe("A data directory", () => {
  it.live("that a process is in is left alone by a second one, which says so, until the first got SIGTERM", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "data")
      const first = yield* startIn(directory)
      // It must not write meanwhile, or what the second one did could not be told.
      yield* first.signal("SIGSTOP")
      const before = contentOf(directory)
      const second = yield* runOnceIn(directory)
      assert.deepStrictEqual(second, {
        code: 1,
        stdout: "",
        stderr:
          `metka: ${directory} is in use by process ${first.pid}: two at once would destroy the database in it. ` +
          "Stop that one first, or give another directory\n"
      })
      assert.deepStrictEqual(contentOf(directory), before)
      yield* first.signal("SIGCONT")
      yield* first.signal("SIGTERM")
      assert.strictEqual((yield* first.exit).code, 0)
      for (const time of ["after SIGTERM", "after an end of its own"]) {
        const { code, stderr } = yield* runOnceIn(directory)
        assert.strictEqual(code, 0, `${time}: ${stderr}`)
      }
    })
  )

  it.live("opens after a kill, though the process id left in it is by now another process's, or one's own", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "data")
      const killed = yield* startIn(directory)
      yield* killed.signal("SIGKILL")
      yield* killed.exit
      writeFileSync(join(directory, "lock.holder"), `${process.pid} ${hostname()}`)
      const { code, stderr } = yield* runOnceIn(directory)
      assert.strictEqual(code, 0, stderr)
    })
  )

  it.live("is opened by one of those that start at the same instant, and not by none", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "data")
      const started = yield* Effect.replicateEffect(startProcess(argsOf(directory), env), 4)
      yield* eventuallyTrue(
        "one has loaded the week, the others have ended",
        Effect.sync(() => started.every((one) => hasLoaded(one) || one.ended() !== undefined)),
        "60 seconds"
      )
      const refused = started.filter((one) => one.ended() !== undefined)
      assert.lengthOf(refused, 3)
      for (const one of refused) {
        assert.strictEqual(one.ended()?.code, 1)
        assert.match(one.stderr(), /^metka: .* is in use by (process \d+|another process): .*\n$/)
      }
    })
  )

  it.live("that is a file, or is in one, is refused in one line that says what to do", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      writeFileSync(file, "mine")
      for (const directory of [file, join(file, "data")]) {
        const { code, stderr } = yield* runOnceIn(directory)
        assert.match(stderr, /^metka: The data directory .* cannot be used: .*\. Give a folder .*\n$/)
        assert.include(stderr, directory)
        assert.strictEqual(code, 1)
      }
      assert.strictEqual(readFileSync(file, "utf8"), "mine")
    })
  )
})
