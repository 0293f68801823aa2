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
      timeout: 30_000
    })
  })

it.live("a process that is done ends by itself, and says nothing", () =>
  Effect.gen(function* () {
    const { status, stderr } = yield* run("Effect.void")
    assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
  })
)

it.live("a process that is done ends though something was left open, and says what", () =>
  Effect.gen(function* () {
    const { status, stderr } = yield* run("Effect.sync(() => void createServer().listen(0))")
    assert.strictEqual(status, 0)
    assert.match(stderr, /^tests: it is done, and ends though something was left open: .*TCPServerWrap/)
  })
)
