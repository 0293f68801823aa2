import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { membersFrom, readAudiences, readMembersAfter } from "@metka/console/Audiences"
import { Effect, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { audiencesText, listed } from "../src/AudienceText.ts"
import { memoryDatabase } from "./memorySystem.ts"

const give = (tag: string, user: string, guest: string | null) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
      values (${user}::uuid, ${tag}, ${user}::uuid, 3, 1, '2026-11-24')`
    if (guest !== null) yield* sql`insert into cdm.guests (user_id, guest_id) values (${user}::uuid, ${guest})`
  })

const guestsWith = (tag: string, pageSize: number) =>
  membersFrom((after) => readMembersAfter(tag, after, pageSize)).pipe(
    Stream.map(({ guest }) => guest),
    Stream.runCollect
  )

const user = (number: number): string => `00000000-0000-5000-8000-00000000000${number}`

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("metka audience", (it) => {
  it.effect("counts the guests of each tag, and lists those of one by the app's own ids", () =>
    Effect.gen(function* () {
      assert.match(audiencesText(yield* readAudiences), /There are no tag rules/)
      assert.match((yield* Effect.flip(guestsWith("Сладкоежка", 2))).message, /There are no tag rules/)
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
      assert.deepStrictEqual(yield* guestsWith("Сладкоежка", 2), [user(3), "a", "b"])
      assert.deepStrictEqual(yield* guestsWith("Кофеман", 2), [])
      assert.deepStrictEqual(listed(["a", "ev\nil", "b"]), { guests: ["a", "b"], unprintable: ["ev\nil"] })
      assert.match(
        (yield* Effect.flip(guestsWith("кофеман", 2))).message,
        /«кофеман». There are: «Кофеман», «Сладкоежка»/
      )
    })
  )
})
