import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { onTestFinished } from "vitest"
import { withLock } from "../lock.ts"

const lockFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "metka-lock-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, "made", "on", "demand.lock")
}

describe("Builds that start at once", () => {
  it("go one after another", async () => {
    const file = lockFile()
    let inside = 0
    const seen: Array<number> = []
    const build = () =>
      withLock(file, async () => {
        inside++
        for (let turn = 0; turn < 20; turn++) await setImmediate()
        seen.push(inside)
        inside--
      })
    await Promise.all([build(), build(), build()])
    assert.deepStrictEqual(seen, [1, 1, 1])
    assert.isFalse(existsSync(file))
  })

  it("take over the lock of a process that died", async () => {
    const file = lockFile()
    await withLock(file, async () => {})
    const { pid } = spawnSync(process.execPath, ["--version"])
    writeFileSync(file, String(pid))
    let built = false
    await withLock(file, async () => {
      built = true
    })
    assert.isTrue(built)
  })

  it("let the next one in after a failure", async () => {
    const file = lockFile()
    const failed = await withLock(file, () => Promise.reject(new Error("no such import"))).catch(String)
    assert.strictEqual(failed, "Error: no such import")
    assert.isFalse(existsSync(file))
  })
})
