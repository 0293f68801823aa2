import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { audiencesText, listed, readAudience, readAudiences } from "../src/Audience.ts"
import { memoryDatabase } from "./memorySystem.ts"

const give = (tag: string, user: string, guest: string | null) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
      values (${user}::uuid, ${tag}, ${user}::uuid, 3, 1, '2026-11-24')`
    if (guest !== null) yield* sql`insert into cdm.guests (user_id, guest_id) values (${user}::uuid, ${guest})`
  })

const user = (number: number): string => `00000000-0000-5000-8000-00000000000${number}`

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("metka audience", (it) => {
  it.effect("counts the guests of each tag, and lists those of one by the app's own ids", () =>
    Effect.gen(function* () {
      assert.match(audiencesText(yield* readAudiences), /There are no tag rules/)
      assert.match((yield* Effect.flip(readAudience("Сладкоежка"))).message, /There are no tag rules/)
      yield* applyRules([
        { tag: "Сладкоежка", category: "Десерты", threshold: 2 },
        { tag: "Кофеман", category: "Кофе", threshold: 2 },
        { tag: "Забытый", category: "Кофе", threshold: 2 }
      ])
      yield* applyRules([
        { tag: "Сладкоежка", category: "Десерты", threshold: 2 },
        { tag: "Кофеман", category: "Кофе", threshold: 2 }
      ])
      yield* give("Сладкоежка", user(1), "b")
      yield* give("Сладкоежка", user(2), "a")
      // Its messages came without a key.
      yield* give("Сладкоежка", user(3), null)
      assert.strictEqual(audiencesText(yield* readAudiences), "tag         guests\nКофеман     0\nСладкоежка  3")
      assert.deepStrictEqual(yield* readAudience("Сладкоежка"), [user(3), "a", "b"])
      assert.deepStrictEqual(yield* readAudience("Кофеман"), [])
      assert.deepStrictEqual(listed(["a", "ev\nil", "b"]), { guests: ["a", "b"], unprintable: ["ev\nil"] })
      assert.match(
        (yield* Effect.flip(readAudience("кофеман"))).message,
        /«кофеман». There are: «Кофеман», «Сладкоежка»/
      )
    })
  )
})
