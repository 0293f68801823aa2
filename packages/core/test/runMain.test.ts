import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"

const core = fileURLToPath(new URL("..", import.meta.url))

type Output = "stdout" | "stderr"

/** Starts the program and reads one of its outputs. The other stays in its pipe until the test reads it. */
const start = (program: string, heard: Output = "stderr") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const script = `
        import { Effect } from "effect"
        import { createServer } from "node:net"
        import { runMain, untilSignal } from "@metka/core/runMain"
        runMain("tests")(${program})`
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        cwd: core,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 20_000,
        killSignal: "SIGKILL"
      })
      let said = ""
      child[heard].setEncoding("utf8").on("data", (more: string) => {
        said += more
      })
      const spoke = once(child[heard], "data")
      const exit = Promise.all([once(child, "exit"), once(child[heard], "end")])
      return {
        child,
        said: () => said,
        speaks: Effect.promise(() => spoke),
        rest: Effect.promise(() => text(heard === "stderr" ? child.stdout : child.stderr)),
        /** The exit code, or the signal that it took. */
        ended: Effect.promise(async () => {
          await exit
          return child.exitCode ?? child.signalCode
        })
      }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

/** Writes more than any pipe holds. */
const fill = (output: Output) => `process.${output}.write("x".repeat(1_000_000))`

it.live("a process that is done ends with 0, though something was left open", () =>
  Effect.gen(function* () {
    const { ended, said } = yield* start("Effect.sync(() => void createServer().listen(0))")
    assert.deepStrictEqual([yield* ended, said()], [0, ""])
  })
)

it.live("a process that is done ends once a reader has taken the little that its pipe had no room for", () =>
  Effect.gen(function* () {
    const { ended, rest, said, speaks } = yield* start(`Effect.sync(() => {
      createServer().listen(0)
      let written = 0
      for (; process.stdout.writableLength === 0; written += 1_024) process.stdout.write("x".repeat(1_024))
      process.stderr.write(String(written))
    })`)
    yield* speaks
    const { length } = yield* rest
    assert.deepStrictEqual([yield* ended, said()], [0, String(length)])
  })
)

it.live("a process that is done has written all that it had to say", () =>
  Effect.gen(function* () {
    const { ended, rest, speaks } = yield* start(
      `Effect.sync(() => void (${fill("stdout")}, process.stderr.write("done")))`
    )
    yield* speaks
    assert.lengthOf(yield* rest, 1_000_000)
    assert.strictEqual(yield* ended, 0)
  })
)

it.live("a process that failed has written all that it had to say, to a slow reader too", () =>
  Effect.gen(function* () {
    const { ended, rest, said, speaks } = yield* start(
      `Effect.suspend(() => (${fill("stdout")}, Effect.fail("it is broken")))`
    )
    yield* speaks
    assert.lengthOf(yield* rest, 1_000_000)
    assert.deepStrictEqual([yield* ended, said()], [1, "tests: it is broken\n"])
  })
)

it.live("why a process failed is the last that it says on standard error, though much stands before it", () =>
  Effect.gen(function* () {
    const { ended, rest, speaks } = yield* start(
      `Effect.suspend(() => (${fill("stderr")}, process.stdout.write("done"), Effect.fail("it is broken")))`,
      "stdout"
    )
    yield* speaks
    const stderr = yield* rest
    assert.deepStrictEqual([stderr.length, stderr.slice(1_000_000)], [1_000_020, "tests: it is broken\n"])
    assert.strictEqual(yield* ended, 1)
  })
)

it.live("a reader that goes away neither holds up the end of a process nor changes its exit code", () =>
  Effect.gen(function* () {
    for (const [outcome, code, saying] of [
      ["Effect.void", 0, ""],
      ['Effect.fail("it is broken")', 1, "tests: it is broken\n"]
    ] as const) {
      const { child, ended, said, speaks } = yield* start(
        `Effect.suspend(() => (createServer().listen(0), ${fill("stdout")}, ${fill("stderr")}, ${outcome}))`
      )
      yield* speaks
      child.stdout.destroy()
      assert.deepStrictEqual([yield* ended, said().slice(1_000_000)], [code, saying])
    }
  })
)

it.live("a signal ends a service well, and what it cuts off of a command is not taken for done", () =>
  Effect.forEach(
    [
      ["SIGINT", "untilSignal(Effect.never)", 0, ""],
      ["SIGTERM", "untilSignal(Effect.never)", 0, ""],
      [
        "SIGTERM",
        "untilSignal(Effect.uninterruptible(Effect.never))",
        0,
        "tests: a server did not answer in time, the work under way is left to be repeated\n"
      ],
      ["SIGINT", "Effect.never", 130, ""],
      ["SIGTERM", "Effect.never", 143, ""],
      [
        "SIGTERM",
        "Effect.uninterruptible(Effect.never)",
        143,
        "tests: a server did not answer in time, the work under way is left to be repeated\n"
      ]
    ] as const,
    ([signal, work, code, saying]) =>
      Effect.gen(function* () {
        const { child, ended, said, speaks } = yield* start(
          `Effect.suspend(() => (process.stderr.write("working\\n"), ${work}))`
        )
        yield* speaks
        child.kill(signal)
        assert.deepStrictEqual([yield* ended, said()], [code, `working\n${saying}`])
      }),
    { concurrency: "unbounded" }
  )
)

it.live("a process that gets a signal ends, though nobody reads what it writes", () =>
  Effect.forEach(
    [
      ["Effect.never", 143, "full\n"],
      ['Effect.fail("it is broken")', 1, "full\ntests: it is broken\n"]
    ] as const,
    ([outcome, code, saying]) =>
      Effect.gen(function* () {
        const { child, ended, said, speaks } = yield* start(
          `Effect.suspend(() => (${fill("stdout")}, process.stderr.write("full\\n"), ${outcome}))`
        )
        yield* speaks
        child.kill("SIGTERM")
        assert.deepStrictEqual([yield* ended, said()], [code, saying])
      }),
    { concurrency: "unbounded" }
  )
)
