import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { readAudiences, readMembersAfter } from "@metka/console/Audiences"
import { membersFrom } from "@metka/console/GuestList"
import { readNearAfter } from "@metka/console/NearGuests"
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

const nearTo = (tag: string, pageSize: number) =>
  membersFrom((after) => readNearAfter(tag, after, pageSize)).pipe(
    Stream.map(({ guest }) => guest),
    Stream.runCollect
  )

/** A guest's counter of the rule's category. */
const count = (tag: string, user: string, orders: number, guest: string | null) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`insert into cdm.user_category_counters (user_id, category_id, category_name, order_cnt)
      select ${user}::uuid, category_id, category_name, ${orders}::int from cdm.tag_rules where active and tag = ${tag}`
    if (guest !== null) yield* sql`insert into cdm.guests (user_id, guest_id) values (${user}::uuid, ${guest})`
  })

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
      assert.strictEqual(
        audiencesText(yield* readAudiences),
        "tag         guests  one order short\nКофеман     0       0\nСладкоежка  3       0"
      )
      assert.deepStrictEqual(yield* guestsWith("Сладкоежка", 2), [user(3), "a", "b"])
      assert.deepStrictEqual(yield* guestsWith("Кофеман", 2), [])
      assert.deepStrictEqual(listed(["a", "ev\nil", "b"]), { guests: ["a", "b"], unprintable: ["ev\nil"] })
      assert.match(
        (yield* Effect.flip(guestsWith("кофеман", 2))).message,
        /«кофеман». There are: «Кофеман», «Сладкоежка»/
      )
    })
  )
  it.effect("--near lists those who have exactly as many orders as the rule's threshold, and not the tag", () =>
    Effect.gen(function* () {
      yield* applyRules([
        { tag: "Сластёна", category: "Пирожные", threshold: 2 },
        { tag: "Чайник", category: "Чай", threshold: 1 },
        { tag: "Первый кофе", category: "Кофе", threshold: 0 }
      ])
      yield* count("Сластёна", user(4), 2, "y")
      yield* count("Сластёна", user(5), 2, "x")
      // Its messages came without a key.
      yield* count("Сластёна", user(6), 2, null)
      yield* count("Сластёна", user(7), 1, "two short")
      yield* count("Сластёна", user(8), 3, "has it")
      yield* give("Сластёна", user(8), null)
      yield* count("Сластёна", user(9), 2, "has it all the same")
      yield* give("Сластёна", user(9), null)
      assert.strictEqual(
        audiencesText(yield* readAudiences),
        "tag          guests  one order short\nПервый кофе  0       all others\n" +
          "Сластёна     2       3\nЧайник       0       0"
      )
      assert.deepStrictEqual(yield* nearTo("Сластёна", 1), [user(6), "x", "y"])
      assert.deepStrictEqual(yield* nearTo("Сластёна", 3), [user(6), "x", "y"])
      assert.deepStrictEqual(yield* nearTo("Чайник", 3), [])
      assert.match(
        (yield* Effect.flip(nearTo("Первый кофе", 3))).message,
        /everybody without the tag «Первый кофе» is one order with «Кофе» short .* leave out those with the tag/
      )
      assert.match((yield* Effect.flip(nearTo("чайник", 3))).message, /«чайник». There are: «Первый кофе», /)
      yield* applyRules([{ tag: "Чайник", category: "Чай", threshold: 1 }])
      assert.match(
        (yield* Effect.flip(nearTo("Сластёна", 3))).message,
        /no active rule gives the tag «Сластёна». There are: «Чайник»/
      )
    })
  )
})
