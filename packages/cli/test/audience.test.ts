import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { readAudiences, taggedGuests } from "@metka/console/Audiences"
import { membersFrom, readGuestsAfter } from "@metka/console/GuestList"
import { nearGuests } from "@metka/console/NearGuests"
import { atTime } from "@metka/testing/atTime"
import { memoryDatabase } from "@metka/testing/memorySystem"
import { Console, Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { SqlClient } from "effect/sql"
import { audiencesText, listed } from "../src/AudienceText.ts"
import { audienceOver } from "../src/commands/audience.ts"

const give = (tag: string, user: string, guest: string | null) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
      values (${user}::uuid, ${tag}, ${user}::uuid, 3, 1, '2026-11-24')`
    if (guest !== null) yield* sql`insert into cdm.guests (user_id, guest_id) values (${user}::uuid, ${guest})`
  })

const guestsWith = (tag: string, pageSize: number) =>
  membersFrom((after) => readGuestsAfter(taggedGuests, tag, {}, after, pageSize)).pipe(
    Stream.map(({ guest }) => guest),
    Stream.runCollect
  )

const nearTo = (tag: string, pageSize: number) =>
  membersFrom((after) => readGuestsAfter(nearGuests, tag, {}, after, pageSize)).pipe(
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

/** An order that counts. */
const order = (user: string, at: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`insert into cdm.order_contributions
      (order_id, order_version, user_id, order_dt, product_ids, category_ids, recorded_at)
      values (${`${user} ${at}`}, '1', ${user}::uuid, ${at}::timestamp, array[${user}::uuid], array[${user}::uuid], now())`
  })

/** What the command prints, and in the end what it fails with. */
const printed = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const lines: Array<string> = []
  const keep = (...texts: ReadonlyArray<unknown>) => void lines.push(texts.join(" "))
  const failed = yield* Command.runWith(audienceOver, { version: "1" })(args).pipe(
    Effect.as([]),
    Effect.catch((error) => Effect.succeed([error.message])),
    Effect.provide(NodeServices.layer),
    Effect.provideService(Console.Console, { ...globalThis.console, log: keep, warn: keep, error: keep })
  )
  return [...lines, ...failed].join("\n")
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

  it.effect("--near lists of a rule with a window those who have so many orders in its days up to now", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`truncate cdm.user_tags, cdm.user_category_counters, cdm.guests, cdm.order_contributions`
      const tag = "Пьёт чай"
      const window = { days: 2, exitThreshold: 0 }
      yield* applyRules([
        { tag, category: "Чай", threshold: 2, window },
        { tag: "Первый чай", category: "Чай", threshold: 0, window }
      ])
      const [tea = ""] = (yield* sql<{ id: string }>`
        select category_id::text as id from cdm.tag_rules where active`).map(({ id }) => id)
      const ordered = Effect.fnUntraced(function* (guest: string, number: number, dates: ReadonlyArray<string | null>) {
        yield* count(tag, user(number), dates.length, guest)
        for (const [place, date] of dates.entries()) {
          yield* sql`insert into cdm.order_contributions
            (order_id, order_version, user_id, order_dt, product_ids, category_ids, recorded_at)
            values (${`${guest} ${place}`}, '1', ${user(number)}::uuid, ${date}::timestamp, array[${tea}::uuid],
              array[${tea}::uuid], now())`
        }
      })
      yield* ordered("both", 0, ["2026-11-23 10:01", "2026-11-25 10:00"])
      yield* ordered("and before", 1, ["2026-11-01 10:00", null, "2026-11-24 10:00", "2026-11-24 10:00"])
      yield* ordered("one is over", 2, ["2026-11-23 10:00", "2026-11-24 10:00"])
      yield* ordered("one is to come", 3, ["2026-11-24 10:00", "2026-11-25 10:01"])
      yield* ordered("has no date", 4, ["2026-11-24 10:00", null])
      yield* ordered("of others", 5, ["2026-11-01 10:00", "2026-11-24 10:00"])
      yield* order(user(5), "2026-11-24 11:00")
      yield* ordered("has it", 6, ["2026-11-24 10:00", "2026-11-24 11:00"])
      yield* give(tag, user(6), null)
      const now = atTime(Date.parse("2026-11-25T10:00:00Z"))
      assert.strictEqual(yield* now(printed(tag, "--near")), "and before\nboth")
      assert.deepStrictEqual(yield* now(nearTo(tag, 1)), ["and before", "both"])
      assert.strictEqual(
        audiencesText(yield* now(readAudiences)),
        "tag         guests  one order short\nПервый чай  0       all others\nПьёт чай    1       2"
      )
      const { members } = yield* now(readGuestsAfter(nearGuests, tag, {}, null, 10))
      assert.deepStrictEqual(
        members.map(({ orderCount }) => orderCount),
        [2, 2],
        "of the window"
      )
      assert.match((yield* Effect.flip(nearTo("Первый чай", 3))).message, /everybody without the tag «Первый чай»/)
      yield* sql`truncate cdm.order_contributions`
    })
  )

  it.effect(
    "--ordered-since and --not-ordered-since list those whose last order was in these days, of either list",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`update bi.settings set time_zone = 'Asia/Omsk'`
        yield* sql`truncate cdm.user_tags, cdm.user_category_counters, cdm.guests`
        yield* applyRules([
          { tag: "Гурман", category: "Стейки", threshold: 1 },
          { tag: "Знаток", category: "Стейки", threshold: 2 }
        ])
        for (const [number, guest] of ["a", "b", "c"].entries()) {
          yield* count("Гурман", user(number), 2, guest)
          yield* give("Гурман", user(number), null)
        }
        yield* order(user(0), "2026-11-20 17:59")
        yield* order(user(1), "2026-11-20 18:00")
        yield* order(user(2), "2026-11-24 10:00")
        for (const list of [["Гурман"], ["Знаток", "--near"]]) {
          assert.strictEqual(yield* printed(...list), "a\nb\nc")
          assert.strictEqual(yield* printed(...list, "--ordered-since", "2026-11-21"), "b\nc")
          assert.strictEqual(yield* printed(...list, "--not-ordered-since", "2026-11-21"), "a")
          const both = ["--ordered-since", "2026-11-21", "--not-ordered-since", "2026-11-24"]
          assert.strictEqual(yield* printed(...list, ...both), "b")
        }
        assert.strictEqual(
          yield* printed("Гурман", "--ordered-since", "2026-12-01"),
          "No guest with the tag «Гурман» last ordered on 2026-12-01 or later."
        )
        assert.strictEqual(
          yield* printed("Знаток", "--near", "--not-ordered-since", "2026-11-01"),
          "No guest one order short of the tag «Знаток» last ordered before 2026-11-01."
        )
      })
  )

  it.effect("takes the days of a calendar only, and with a tag only, and explains them", () =>
    Effect.gen(function* () {
      assert.match(
        yield* printed("Гурман", "--ordered-since", "2026-02-30"),
        /ordered-since.*a day of the calendar, as Y/s
      )
      assert.match(
        yield* printed("Гурман", "--not-ordered-since", ""),
        /not-ordered-since.*a day of the calendar, as Y/s
      )
      assert.match(
        yield* printed("--not-ordered-since", "2026-11-01"),
        /metka audience TAG --ordered-since YYYY-MM-DD$/
      )
      const help = yield* printed("--help")
      assert.match(help, /--ordered-since YYYY-MM-DD .*last order was on this day or later, in the business time zone/)
      assert.match(help, /--not-ordered-since YYYY-MM-DD .*last order was before this day, in the business time zone/)
    })
  )
})
