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
      return yield* Effect.mapError(readRulesFile(file), ({ message }) => message.replaceAll(file, "rules.yaml"))
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

  it.effect(
    "may give a rule a window, and a threshold at which its tag is taken; listed as a file it says the same",
    () =>
      Effect.gen(function* () {
        const rules = yield* read(`rules:
  - { tag: Всегда, category: Супы, threshold: 4 }
  - { tag: Месяц, category: Супы, threshold: 4, window_days: 30 }
  - { tag: Дольше, category: Супы, threshold: 4, window_days: 30, exit_threshold: 1 }
`)
        assert.deepStrictEqual(
          rules.map(({ window }) => window),
          [undefined, { days: 30, exitThreshold: 4 }, { days: 30, exitThreshold: 1 }]
        )
        const active = rules.map(({ category, ...rule }) => ({
          ...rule,
          categoryId: "",
          categoryName: category,
          version: 1
        }))
        assert.deepStrictEqual(yield* read(rulesFileText(active)), rules)
      })
  )

  it.effect("with a window that no guest could make sense of is refused, and says why", () =>
    Effect.gen(function* () {
      const file = `rules:
  - { tag: A, category: Супы, threshold: 4, exit_threshold: 1 }
  - { tag: B, category: Супы, threshold: 4, window_days: 0 }
  - tag: C
    category: Супы
    threshold: 4
    window_days: 30
    exit_threshold: 5
  - { tag: D, category: Супы, threshold: 4, window_days: 1.5, exit_threshold: -1 }
  - { tag: E, category: Супы, threshold: 1000, window_days: 30 }
  - { tag: F, category: Супы, threshold: 1000 }
`
      assert.deepStrictEqual((yield* Effect.flip(read(file))).split("\n"), [
        "rules.yaml:2: `exit_threshold` needs `window_days`: without a window the orders of a guest do not become fewer",
        'rules.yaml:3: Expected a value between 1 and 36500 at ["window_days"]',
        "rules.yaml:8: `exit_threshold` is greater than `threshold`: a guest would lose the tag on getting it",
        'rules.yaml:9: Expected an integer at ["window_days"]',
        'rules.yaml:9: Expected a value between 0 and 2147483646 at ["exit_threshold"]',
        "rules.yaml:10: a window has 1000 orders of a guest at most, the newest ones: nobody would get the tag"
      ])
    })
  )

  it.effect("with mistakes is told all of them at once, each with the line it is in", () =>
    Effect.gen(function* () {
      const file = `rules:
  - { tag: Кофеман, category: Кофе, threshold: -1 }
  - tag: Сладкоежка
    category: Десерты
    treshold: 5
  - { tag: Гурман, category: Стейки, threshold: 0 }
  - { tag: Кофеман, category: 7, threshold: 2.5 }
  - Гурман
  - { tag: "\\0", category: "", threshold: many }
`
      assert.deepStrictEqual((yield* Effect.flip(read(file))).split("\n"), [
        'rules.yaml:2: Expected a value between 0 and 2147483646 at ["threshold"]',
        'rules.yaml:3: Missing key at ["threshold"]',
        "rules.yaml:5: unknown field `treshold`; a rule has tag, category, threshold, and may have window_days and exit_threshold",
        "rules.yaml:7: the tag «Кофеман» has a rule already, in line 2; a tag has one rule",
        'rules.yaml:7: Expected string at ["category"]',
        'rules.yaml:7: Expected an integer at ["threshold"]',
        "rules.yaml:8: expected every rule to be { tag, category, threshold }",
        'rules.yaml:9: Expected characters that can be stored at ["tag"]',
        'rules.yaml:9: Expected a value with a length of at least 1 at ["category"]',
        'rules.yaml:9: Expected number at ["threshold"]'
      ])
      const unreadable = yield* Effect.flip(read("rules:\n  - { tag: A, tag: B }\n  - { tag: B\n"))
      assert.deepStrictEqual(
        unreadable.split("\n").map((line) => line.split(" ", 1)[0]),
        ["rules.yaml:2:", "rules.yaml:4:"]
      )
    })
  )

  it.effect("with a field beside the rules is refused with its line, whether it is misspelled or holds an anchor", () =>
    Effect.gen(function* () {
      const refused = (text: string) => Effect.map(Effect.flip(read(text)), (message) => message.split("\n"))
      assert.deepStrictEqual(
        yield* refused(`${rules}rule:\n  - { tag: Гурман, category: Стейки, threshold: many }\n`),
        ["rules.yaml:3: unknown field `rule`; a rules file has rules"]
      )
      assert.deepStrictEqual(
        yield* refused(`# Ours\nx-soups: &soups Супы\n${rules}  - { tag: Гурман, threshold: 4 }\n`),
        ["rules.yaml:2: unknown field `x-soups`; a rules file has rules", 'rules.yaml:5: Missing key at ["category"]']
      )
      assert.deepStrictEqual(yield* refused(`\n${rules.replace("rules", "tags")}`), [
        "rules.yaml:1: expected `rules:` with a list of { tag, category, threshold }",
        "rules.yaml:2: unknown field `tags`; a rules file has rules"
      ])
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
