import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { stripTypeScriptTypes } from "node:module"
import { brokenFiles } from "../mutants/brokenCopy.ts"
import { guards } from "../mutants/guards.ts"
import { tryGuards } from "../mutants/tryGuards.ts"

describe("Every guard", () => {
  for (const guard of guards) {
    it.effect(`stands where it is to be broken: ${guard.title}`, () =>
      Effect.gen(function* () {
        for (const text of (yield* brokenFiles(guard)).values()) assert.notStrictEqual(stripTypeScriptTypes(text), "")
      })
    )
  }

  it("has a title of its own", () => {
    assert.strictEqual(new Set(guards.map(({ title }) => title)).size, guards.length)
  })
})

describe("The simulation", () => {
  /** Those that it notices within few seeds. */
  const quick = guards.filter(({ title }) =>
    [
      "a tag is given at the threshold already",
      "a dead letter is not kept",
      "the old contribution is not taken back"
    ].includes(title)
  )

  it.live(
    "notices a guard that is broken",
    () =>
      Effect.gen(function* () {
        assert.strictEqual(quick.length, 3)
        const results = yield* tryGuards(quick, 60, () => Effect.void)
        assert.deepStrictEqual(
          results.filter(({ problem }) => problem === null).map(({ guard }) => guard.title),
          []
        )
      }),
    180_000
  )
})
