import { assert, it } from "@effect/vitest"
import { memoryDatabase } from "@metka/testing/memorySystem"
import { leftOutText } from "../src/Republish.ts"
import { republishContract } from "./republishContract.ts"

republishContract("republish on PGlite", memoryDatabase)

it("republish tells of the first orders that cannot be read, and how many more there are", () => {
  const unreadable = Array.from({ length: 30 }, (_, index) => ({ objectId: String(index), why: "payload: null" }))
  const lines = leftOutText({ tooLarge: [], unreadable })
  assert.lengthOf(lines, 21)
  assert.strictEqual(lines.at(-1), "10 orders more that cannot be read: npx metka verify lists them.")
})
