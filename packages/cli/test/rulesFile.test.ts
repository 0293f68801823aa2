import { assert, describe, it } from "@effect/vitest"
import { metkaMain, repository } from "@metka/testing/processes"
import { temporaryFolder } from "@metka/testing/processSystem"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readRulesFile, rulesFileText } from "../src/RulesFile.ts"

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

describe("A rules file", () => {
  const rules = "rules:\n  - { tag: Кофеман, category: Кофе, threshold: 4 }\n"

  const read = (bytes: string | Uint8Array) =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "rules.yaml")
      yield* Effect.promise(() => writeFile(file, bytes))
      return yield* Effect.mapError(readRulesFile(file), ({ message }) => message.replace(file, "rules.yaml"))
    })

  it.effect("that is not UTF-8 is refused with its line, and gives no rule a name nobody wrote", () =>
    Effect.gen(function* () {
      /** "Кофе" as a system on CP1251 writes it. */
      const inCp1251 = Buffer.from([0xca, 0xee, 0xf4, 0xe5])
      const file = Buffer.concat([
        Buffer.from("rules:\n  # Кофе\n  - { tag: coffee, category: "),
        inCp1251,
        Buffer.from(", threshold: 4 }\n")
      ])
      const said = "the line is not UTF-8 text; save the file as UTF-8"
      assert.strictEqual(yield* Effect.flip(read(file)), `rules.yaml:3: ${said}`)
      assert.strictEqual(yield* Effect.flip(read(Buffer.from(`\uFEFF${rules}`, "utf16le"))), `rules.yaml:1: ${said}`)
    })
  )

  it.effect("is the same with the byte order mark and the line ends of an editor on Windows", () =>
    Effect.gen(function* () {
      const expected = [{ tag: "Кофеман", category: "Кофе", threshold: 4 }]
      assert.deepStrictEqual(yield* read(rules), expected)
      assert.deepStrictEqual(yield* read(`\uFEFF${rules.replaceAll("\n", "\r\n")}`), expected)
    })
  )

  it.effect("that is made of the rules there are says the same, whatever they are called", () =>
    Effect.gen(function* () {
      const rules = ["Кофеман", "yes", "- a: «b» # c", " spaces ", "1", "two\nlines"].map((tag, threshold) => ({
        tag,
        category: `${tag}: "x"`,
        threshold
      }))
      const asHeld = rules.map(({ category, tag, threshold }) => ({
        tag,
        categoryId: "",
        categoryName: category,
        threshold,
        version: 7
      }))
      assert.deepStrictEqual(yield* read(rulesFileText(asHeld)), rules)
      assert.deepStrictEqual(yield* read(rulesFileText([])), [])
    })
  )
})
