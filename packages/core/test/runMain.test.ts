import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const core = fileURLToPath(new URL("..", import.meta.url))

const run = (program: string) =>
  Effect.sync(() => {
    const script = `
      import { Effect } from "effect"
      import { createServer } from "node:net"
      import { runMain } from "@metka/core/Service"
      runMain("tests")(${program})`
    return spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: core,
      encoding: "utf8",
      maxBuffer: 10_000_000,
      timeout: 30_000
    })
  })

it.live("a process that is done ends with 0, though something was left open", () =>
  Effect.gen(function* () {
    const { status, stderr } = yield* run("Effect.sync(() => void createServer().listen(0))")
    assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
  })
)

it.live("a process that is done has written all that it had to say", () =>
  Effect.gen(function* () {
    const { status, stdout } = yield* run('Effect.sync(() => void process.stdout.write("x".repeat(5_000_000)))')
    assert.deepStrictEqual({ status, length: stdout.length }, { status: 0, length: 5_000_000 })
  })
)
