import { assert, it } from "@effect/vitest"
import { metkaMain, repository } from "@metka/testing/processes"
import { spawnSync } from "node:child_process"

it("rules come from standard input too, and a mistake in them is told with its line", () => {
  const { status, stderr } = spawnSync(process.execPath, [metkaMain, "rules", "apply", "-"], {
    cwd: repository,
    env: { DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing" },
    input: "rules:\n  - { tag: Кофеман, category: Кофе, threshold: many }\n",
    encoding: "utf8"
  })
  assert.match(stderr, /^metka: standard input:2/)
  assert.strictEqual(status, 1)
})
