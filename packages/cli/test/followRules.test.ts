import { assert, it } from "@effect/vitest"
import { eventuallyTrue } from "@metka/testing/eventually"
import { metkaMain, type Process, runProcess, startProcess } from "@metka/testing/processes"
import { temporaryFolder } from "@metka/testing/processSystem"
import { Effect } from "effect"
import { rename, writeFile } from "node:fs/promises"
import { join } from "node:path"

const soups = (threshold: number): string => `  - { tag: Soups, category: Супы, threshold: ${threshold} }\n`
const steaks = "  - { tag: Steaks, category: Стейки, threshold: 0 }\n"

const save = (file: string, ...rules: ReadonlyArray<string>) =>
  Effect.promise(() => writeFile(file, `rules:\n${rules.join("")}`))

/** As an editor does it that never leaves half a file. */
const replace = (file: string, ...rules: ReadonlyArray<string>) =>
  Effect.andThen(
    save(`${file}.new`, ...rules),
    Effect.promise(() => rename(`${file}.new`, file))
  )

const argsOf = (file: string) => [metkaMain, "start", "--orders", "400", "--rules", file]
const env = { HTTP_PORT: "0" }

const untilSays = (started: Process, text: string | RegExp) =>
  eventuallyTrue(
    `it says ${text}`,
    Effect.sync(() => {
      assert.isUndefined(started.ended(), started.stderr())
      const said = started.stdout() + started.stderr()
      return typeof text === "string" ? said.includes(text) : text.test(said)
    }),
    "60 seconds"
  )

it.live("npm start takes the rules from a marketer's file, and again each time the file is saved", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "rules.yaml")
    yield* save(file, soups(0), steaks)
    const started = yield* startProcess(argsOf(file), env)
    yield* untilSays(started, /Guests by tag\n +Soups +\d+ guests\n +Steaks +0 guests\n/)
    yield* untilSays(started, `Save ${file}`)
    assert.strictEqual(
      started
        .stderr()
        .match(/no guest has ordered from the categor.*? yet/g)
        ?.join(),
      "no guest has ordered from the category «Стейки» yet",
      "once the week is there, of no other category"
    )

    yield* replace(file, soups(1000))
    yield* untilSays(started, "~ «Soups»: more than 1,000 orders with «Супы» (was: more than 0 orders with «Супы»)")
    yield* untilSays(
      started,
      /with «Супы»\); ([1-9]\d*) guests lose it\n- «Steaks»: retired, nobody keeps it\nApplied: 0 tags given, \1 taken\./
    )

    yield* save(file, soups(0), "  - { tag: Soups, category: Супы, threshold: 2 }\n")
    yield* untilSays(
      started,
      `${file}:3: the tag «Soups» has a rule already, in line 2; a tag has one rule\nThe rules stay`
    )
    yield* save(file, soups(0))
    yield* untilSays(
      started,
      /was: more than 1,000 orders with «Супы»\); ([1-9]\d*) guests get it\nApplied: \1 tags given, 0 taken\./
    )
  })
)

it.live("npm start says what is wrong with the rules it is given, with the line, before it loads anything", () =>
  Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "rules.yaml")
    yield* save(file, "  - { tag: Soups, threshold: 2 }\n")
    const { code, stderr, stdout } = yield* runProcess(argsOf(file), env)
    assert.strictEqual(code, 1)
    assert.match(stderr, /^metka: .*rules\.yaml:2: .*category.*\n$/)
    assert.strictEqual(stdout, "")
  })
)
