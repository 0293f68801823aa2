import { assert, layer } from "@effect/vitest"
import { applyRules } from "@metka/cdm/ApplyRules"
import { keepDeadLetters } from "@metka/core/DeadLetters"
import { BadRecord } from "@metka/core/messages/BadRecord"
import { loadReferences, send } from "@metka/testing/againstOracle"
import { atTime } from "@metka/testing/atTime"
import { cafeOrder, cafeReferences } from "@metka/testing/cafe"
import { memoryDatabase, withMemorySystem } from "@metka/testing/memorySystem"
import { exported } from "@metka/testing/recordingTracer"
import { settled } from "@metka/testing/settled"
import { Deferred, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { consoleOver, get, state, wordsOf } from "./browser.ts"

const evil = `<script>alert("1")</script>&'`
const menu = [
  { id: "d1", name: "Борщ", category: "Супы" },
  { id: "d2", name: evil, category: "Супы" },
  { id: "d3", name: "Эклер", category: "Десерты" },
  ...["Квас", "Кофе", "Морс", "Сок"].map((name) => ({ id: name, name, category: "Напитки" }))
]
const soups = "Любитель супов"

const closedHeaders = {
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store"
}

const words = (path: string, query?: Readonly<Record<string, string>>) =>
  Effect.map(get(path, query), ({ text }) => wordsOf(text))

/** Each test has a console of its own, which has shown nothing yet. */
const inMemory = <A, E, R>(use: Effect.Effect<A, E, R>) => withMemorySystem({}, Effect.provide(use, consoleOver()))

/** Anna has three orders with a soup, two of them with a dessert; Boris one of each, and one that is not CLOSED. */
const inTheCafe = <A, E, R>(use: Effect.Effect<A, E, R>) =>
  inMemory(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`update bi.settings set time_zone = 'Asia/Omsk'`
      yield* applyRules([
        { tag: soups, category: "Супы", threshold: 2 },
        { tag: evil, category: "Десерты", threshold: 1 },
        { tag: "Гурман", category: "Стейки", threshold: 0 }
      ])
      yield* loadReferences(cafeReferences(["anna", "boris", " boris ", evil], menu))
      yield* send([
        cafeOrder("anna", 1, "2023-04-01 20:00", ["d1", "d2"]),
        cafeOrder("anna", 2, "2023-04-02 20:00", ["d1", "d3"]),
        cafeOrder("anna", 3, "2023-04-03 20:00", ["d2", "d3"]),
        cafeOrder("boris", 4, "2023-04-03 20:00", ["d1", "d3"]),
        cafeOrder("boris", 7, "2023-04-04 20:00", ["d1"], "CANCELLED"),
        cafeOrder(evil, 5, "2023-04-03 20:00", ["d3"]),
        cafeOrder(evil, 6, "2023-04-04 20:00", ["d3", "Квас", "Кофе", "Морс", "Сок"])
      ])
      yield* settled(0)
      return yield* use
    })
  )

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("The pages", (it) => {
  it.effect("say so where there is nothing yet", () =>
    inMemory(
      Effect.gen(function* () {
        assert.match(
          yield* words("/"),
          /^Overview The marts as they are now\. Counted \d{4}-[\d :-]+; times are in Europe\/Moscow\. The page .* 0 orders 0 of them CLOSED/
        )
        assert.match(
          yield* words("/audiences"),
          /There are no tag rules\. On real servers .* npm start -- --rules FILE/
        )
        assert.match(yield* words("/reach"), /No guest has a CLOSED order with dishes yet\./)
        assert.match(yield* words("/parked"), /No order waits for a guest, restaurant or dish\./)
        assert.match(yield* words("/dead-letters"), /No message waits for somebody/)
        assert.match(yield* words("/guest"), /^Guest Which tags a guest has/)
        assert.match(yield* words("/guest", { id: " " }), /^Guest Which tags a guest has/)
      })
    )
  )

  it.effect("tell what there is: orders, favourites, the guests of each tag", () =>
    inTheCafe(
      Effect.gen(function* () {
        const overview = yield* words("/")
        assert.include(overview, "7 orders 6 of them CLOSED, with dishes 3 guests 0 waiting orders 0 dead letters")
        assert.include(overview, `Guests by tag ${evil} 2 guests ${soups} 1 guest Гурман 0 guests`)
        assert.include(overview, "Top categories Десерты 5 orders Супы 4 orders Напитки 1 order Top dishes")
        assert.include(
          overview,
          `Top dishes Эклер 5 orders Борщ 3 orders ${evil} 2 orders Квас 1 order Кофе 1 order Services`
        )
        assert.include(overview, "No service runs on this database.")
        const { text } = yield* get("/")
        assert.include(text, `http-equiv="refresh"`)
        assert.include(text, `<a href="/" aria-current="page">`)
        assert.include(text, `<a href="/reach">`)
        assert.notInclude(text, `class="due"`)
        assert.notInclude((yield* get("/?still")).text, `http-equiv="refresh"`)
      })
    )
  )

  it.effect("tell of each rule whom it tags, and who lacks one order", () =>
    inTheCafe(
      Effect.gen(function* () {
        yield* send([cafeOrder("boris", 8, "2023-04-05 20:00", ["d1"])])
        yield* settled(0)
        const page = yield* words("/audiences")
        assert.include(page, `${soups} more than 2 orders with «Супы» 1 1 CSV 1 CSV`)
        assert.include(page, `${evil} more than 1 order with «Десерты» 1 2 CSV 1 CSV`)
        assert.include(page, `Гурман more than 0 orders with «Стейки» 1 0 CSV all others ${soups}`)
        const { text } = yield* get("/audiences")
        const tag = encodeURIComponent(soups).replaceAll("%20", "+")
        assert.include(text, `<a href="/near?tag=${tag}">1</a>`)
        assert.include(text, `<a href="/near.csv?tag=${tag}">CSV</a>`)
      })
    )
  )

  it.effect("tell of each category and threshold how many guests it reaches, and where the rules are", () =>
    inTheCafe(
      Effect.gen(function* () {
        const page = yield* words("/reach")
        assert.include(
          page,
          `> 9 Десерты 3 2 ${evil} 0 0 0 0 0 0 0 0 Супы 2 1 1 ${soups} 0 0 0 0 0 0 0 Напитки 1 0 0 0 0 0 0 0 0 0 Other rules`
        )
        assert.match(
          page,
          /counts those of any time\. Гурман : more than 0 orders with «Стейки» On real servers the rules are a file/
        )
      })
    )
  )

  it.effect("tell of a rule with a window that it is about some days, and that no clock takes its tag", () =>
    inTheCafe(
      Effect.gen(function* () {
        assert.notInclude(yield* words("/audiences"), "newest order")
        assert.notInclude(yield* words("/audience", { tag: soups }), "newest order")
        yield* applyRules([
          { tag: soups, category: "Супы", threshold: 2, window: { days: 2, exitThreshold: 1 } },
          { tag: evil, category: "Десерты", threshold: 1 }
        ])
        yield* send([
          cafeOrder("anna", 20, "2023-04-04 20:00", ["d1"]),
          cafeOrder("boris", 21, "2023-04-04 20:00", ["d1"])
        ])
        yield* settled(0)
        const hint =
          "A tag for orders within some days is decided each time a guest orders: it stays with one who orders no more, " +
          "and where the rule says “until” down to that number. Its page can leave out who has not ordered lately."
        const asked = "ore than 2 orders with «Супы» within 2 days, until 1 or fewer are left"
        const audiences = yield* words("/audiences")
        assert.include(audiences, hint)
        assert.include(audiences, `${soups} m${asked} 2 0 CSV 0 CSV`)
        assert.include(audiences, `${evil} more than 1 order with «Десерты» 1 2 CSV`)
        const audience = yield* words("/audience", { tag: soups })
        assert.include(audience, `M${asked} (version 2). No guest has the tag now. Who is one order short ${hint}`)
        yield* send([cafeOrder("anna", 22, "2023-04-04 21:00", ["d1"])])
        yield* settled(0)
        assert.match(
          yield* words("/audience", { tag: soups }),
          /Guest Orders with «Супы» within 2 days Given, Asia\/Omsk Last order, Asia\/Omsk anna 3 [\d :-]+ 2023-04-05 03:00$/
        )
        assert.notInclude(yield* words("/audience", { tag: evil }), "newest order")
        const reach = yield* words("/reach")
        assert.include(reach, "Супы 2 2 1 1 1 0 0 0 0 0 Напитки")
        assert.include(reach, `of any time. ${soups} : m${asked} On real servers`)
      })
    )
  )

  it.effect("list as one order short of a window those in whose days up to now it lacks one order", () =>
    inTheCafe(
      Effect.gen(function* () {
        const at = <A, E, R>(time: string, use: Effect.Effect<A, E, R>) => atTime(Date.parse(time))(use)
        yield* applyRules([{ tag: soups, category: "Супы", threshold: 2, window: { days: 2, exitThreshold: 1 } }])
        yield* send([cafeOrder("boris", 21, "2023-04-04 20:00", ["d1"])])
        yield* settled(0)
        // The console serves at the time at which it was started.
        const near = (time: string) => at(time, Effect.provide(words("/near", { tag: soups }), consoleOver()))
        assert.match(
          yield* near("2023-04-04T20:00:00Z"),
          /short More than 2 .* 1 guest has 2 within the last 2 days, one order short\. .* boris [\d :-]+$/
        )
        assert.match(yield* near("2023-04-04T19:59:59Z"), / 1 guest has 2 within the last 2 days, .* anna [\d :-]+$/)
        assert.match(yield* near("2023-04-05T19:59:59Z"), / 1 guest has 2 within the last 2 days, .* boris [\d :-]+$/)
        assert.match(yield* near("2023-04-05T20:00:00Z"), /\. No guest is one order short now\. Who has the tag$/)
        const audiences = (time: string) => at(time, Effect.provide(words("/audiences"), consoleOver()))
        assert.match(yield* audiences("2023-04-04T20:00:00Z"), / 0 CSV 1 CSV /)
        assert.match(yield* audiences("2023-04-05T20:00:00Z"), / 0 CSV 0 CSV /)
      })
    )
  )

  it.effect("list the guests with a tag page by page, those with the most orders first", () =>
    inTheCafe(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
            select ('00000000-0000-5000-8000-' || lpad(number::text, 12, '0'))::uuid, ${soups}, user_id, 3, 1,
              '2026-11-24T20:00:00Z'
            from cdm.user_tags, generate_series(1, 100) as number where tag = ${soups}`
        yield* sql`update cdm.user_tags set order_cnt = 40
            where user_id = '00000000-0000-5000-8000-000000000077'::uuid`
        const first = yield* words("/audience", { tag: soups })
        assert.match(first, /More than 2 orders with «Супы» \(version 1\)\. 101 guests have the tag now\./)
        assert.match(
          first,
          /Given, Asia\/Omsk Last order, Asia\/Omsk 00000000-0000-5000-8000-000000000077 40 2026-11-25 02:00 no date /
        )
        assert.match(first, /Page 1 of 3 after →$/)
        const last = yield* words("/audience", { tag: soups, page: "3" })
        assert.match(last, /anna 3 \d{4}-\d\d-\d\d \d\d:\d\d 2023-04-04 02:00 ← before Page 3 of 3$/)
      })
    )
  )

  it.effect("say beyond the last page of a list how many there are, and lead to the last", () =>
    inTheCafe(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const one = (yield* get("/audience", { tag: soups, page: "2" })).text
        assert.match(wordsOf(one), / 1 guest has the tag now\. .* There is no page 2: the last page is page 1$/)
        assert.match(one, /href="\/audience\?tag=[^"&]*">the last page/)
        yield* sql`insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
            select ('00000000-0000-5000-8000-' || lpad(number::text, 12, '0'))::uuid, ${soups}, user_id, 3, 1, now()
            from cdm.user_tags, generate_series(1, 100) as number where tag = ${soups}`
        const beyond = (yield* get("/audience", { tag: soups, page: "99" })).text
        assert.match(wordsOf(beyond), / 101 guests have the tag now\. .* There is no page 99: the last page is page 3$/)
        assert.match(beyond, /href="\/audience\?tag=[^"]*page=3">the last page/)
        assert.notInclude(beyond, "<table")
      })
    )
  )

  it.effect("list the guests whom one more order would give a tag, and no others, page by page", () =>
    inTheCafe(
      Effect.gen(function* () {
        yield* send([
          cafeOrder("boris", 8, "2023-04-05 20:00", ["d1"]),
          cafeOrder("boris", 9, "2023-04-05 20:00", ["d1"])
        ])
        yield* send([cafeOrder(evil, 10, "2023-04-05 20:00", ["d1"])])
        yield* settled(0)
        assert.strictEqual(
          yield* words("/near", { tag: soups }),
          `${soups}: one order short More than 2 orders with «Супы» (version 1). No guest is one order short now. Who has the tag`
        )
        yield* send([cafeOrder(evil, 11, "2023-04-06 20:00", ["d2"])])
        yield* send([cafeOrder("boris", 9, "2023-04-05 20:00", ["d1"], "CANCELLED")])
        yield* settled(0)
        assert.match(
          yield* words("/near", { tag: soups }),
          /\. 2 guests have 2 now, one order short\. Their ids as CSV Who has the tag .* Guest Last order, Asia\/Omsk <script>[^ ]+ 2023-04-07 02:00 boris 2023-04-06 02:00$/
        )
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.user_category_counters (user_id, category_id, category_name, order_cnt)
          select ('00000000-0000-5000-8000-' || lpad(number::text, 12, '0'))::uuid, category_id, category_name, 2
          from cdm.tag_rules, generate_series(1, 99) as number where tag = ${soups}`
        const first = yield* words("/near", { tag: soups })
        assert.match(first, / 101 guests have 2 now, .*\/Omsk 00000000-0000-5000-8000-000000000001 no date 0/)
        assert.match(first, / 00000000-0000-5000-8000-000000000050 no date Page 1 of 3 after →$/)
        assert.match(
          yield* words("/near", { tag: soups, page: "3" }),
          /Omsk boris 2023-04-06 02:00 ← before Page 3 of 3$/
        )
        const second = (yield* get("/near", { tag: soups, page: "2" })).text
        assert.match(second, /href="\/near\?tag=[^"]*page=3"/)
        assert.match(second, /href="\/guest\?id=00000000-0000-5000-8000-000000000051&amp;tag=/)
      })
    )
  )

  it.effect("say of a tag that a first order gives that everybody else is near, and what to do", () =>
    inTheCafe(
      Effect.gen(function* () {
        const { status, text } = yield* get("/near", { tag: "Гурман" })
        assert.strictEqual(status, 404)
        assert.match(
          wordsOf(text),
          /^Гурман: one order short Now everybody without the tag «Гурман» is one order with «Стейки» short of it, .* leave out those with the tag\. Those with the tag · their ids as CSV · all audiences$/
        )
        assert.match(text, /href="\/audience\.csv\?tag=[^"]*">their ids/)
        const csv = yield* get("/near.csv", { tag: "Гурман" })
        assert.strictEqual(csv.status, 404)
        assert.match(csv.text, /^everybody without the tag «Гурман» .* leave out those with the tag\n$/)
      })
    )
  )

  it.effect("give the ids of those who lack one order as CSV that a name cannot break", () =>
    inTheCafe(
      Effect.gen(function* () {
        yield* applyRules([{ tag: evil, category: "Десерты", threshold: 2 }])
        const { headers, text } = yield* get("/near.csv", { tag: evil })
        assert.strictEqual(
          text,
          `guest,orderCount,lastOrderAt\r\n"<script>alert(""1"")</script>&'",2,2023-04-04T20:00:00.000Z\r\n` +
            "anna,2,2023-04-03T20:00:00.000Z\r\n"
        )
        assert.match(headers.get("content-type") ?? "", /^text\/csv/)
        assert.match(
          headers.get("content-disposition") ?? "",
          /^attachment; filename\*=UTF-8''%3Cscript%3E[^;"']*%2C%20one%20order%20short\.csv$/
        )
        const since = yield* get("/near.csv", { tag: evil, orderedSince: "2023-04-02" })
        assert.include(
          decodeURIComponent(since.headers.get("content-disposition") ?? ""),
          ", one order short, last ordered on 2023-04-02 or later.csv",
          "another list has another name"
        )
        assert.strictEqual((yield* get("/near.csv", { tag: "none" })).status, 404)
        assert.strictEqual((yield* get("/near.csv", { tag: soups })).status, 404)
      })
    )
  )

  it.effect("give the ids of an audience as CSV that a name cannot break", () =>
    inTheCafe(
      Effect.gen(function* () {
        const { headers, text } = yield* get("/audience.csv", { tag: evil })
        const [heading, ...rows] = text.trimEnd().split("\r\n")
        assert.strictEqual(heading, "guest,orderCount,givenAt,lastOrderAt")
        assert.deepStrictEqual(
          rows.map((row) => row.replace(/,\d{4}-[\d:T.-]+Z,/, ",<given>,")),
          [
            `"<script>alert(""1"")</script>&'",2,<given>,2023-04-04T20:00:00.000Z`,
            "anna,2,<given>,2023-04-03T20:00:00.000Z"
          ]
        )
        assert.match(headers.get("content-type") ?? "", /^text\/csv/)
        assert.match(headers.get("content-disposition") ?? "", /^attachment; filename\*=UTF-8''%3Cscript%3E[^;"']*$/)
        assert.strictEqual((yield* get("/audience.csv", { tag: "none" })).status, 404)
      })
    )
  )

  it.effect("give a file a name that a file system takes, however long the tag's is", () =>
    inTheCafe(
      Effect.gen(function* () {
        const tag = "面".repeat(200)
        yield* applyRules([{ tag, category: "Супы", threshold: 2 }])
        const days = { orderedSince: "2023-04-02", notOrderedSince: "2023-04-05" }
        const { headers } = yield* get("/near.csv", { tag, ...days })
        const name = decodeURIComponent(headers.get("content-disposition")?.split("''")[1] ?? "")
        assert.match(name, /^面{55}…, one order short, last ordered on 2023-04-02 or later and before 2023-04-05\.csv$/)
        assert.isAtMost(Buffer.byteLength(name), 255)
      })
    )
  )

  it.effect("are refused as a file whose guests cannot be read, and not given as an empty one", () =>
    inTheCafe(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`alter table cdm.order_contributions rename to away`
        const { status, text } = yield* get("/audience.csv", { tag: evil })
        yield* sql`alter table cdm.away rename to order_contributions`
        assert.strictEqual(status, 503)
        assert.match(text, /order_contributions/)
      })
    )
  )

  it.effect("tell why a guest has a tag, down to the orders and their dishes", () =>
    inTheCafe(
      Effect.gen(function* () {
        const page = yield* words("/guest", { id: " anna " })
        assert.include(page, "2 tags. Times are in Asia/Omsk.")
        assert.include(
          page,
          `${soups} More than 2 orders with «Супы» (version 1). The guest has 3 3 of 3 ` +
            "Order Date Dishes of the category " +
            `3 2023-04-04 02:00 ${evil} 2 2023-04-03 02:00 Борщ 1 2023-04-02 02:00 ${evil}, Борщ given`
        )
        const boris = yield* words("/guest", { id: "boris" })
        assert.include(boris, "No tag.")
        assert.include(boris, "Гурман: not given More than 0 orders with «Стейки» (version 1). No guest has ordered")
        assert.include(boris, `${soups}: not given More than 2 orders with «Супы» (version 1). The guest has 1 1 of 3`)
        const one = yield* words("/guest", { id: "anna", tag: soups, limit: "1" })
        assert.match(one, /All tags of the guest .* … and 2 older ones: more of them given/)
      })
    )
  )

  it.effect("tell by a rule with a window what is in it, and tell the orders before it apart", () =>
    inTheCafe(
      Effect.gen(function* () {
        yield* applyRules([{ tag: soups, category: "Супы", threshold: 2, window: { days: 3, exitThreshold: 1 } }])
        yield* send([cafeOrder("anna", 20, "2023-04-05 19:59", ["d3"])])
        yield* settled(0)
        const { text } = yield* get("/guest", { id: "anna" })
        assert.include(
          wordsOf(text),
          `${soups} More than 2 orders with «Супы» within 3 days, until 1 or fewer are left (version 2). ` +
            "The guest has 2 within 3 days up to their newest order at 2023-04-06 01:59, 3 in all 2 of 3 " +
            "The tag stays: the window had more than 2 before, and no fewer than 2 since. " +
            "Order Date Counts Dishes of the category " +
            `3 2023-04-04 02:00 yes ${evil} 2 2023-04-03 02:00 yes Борщ ` +
            `1 2023-04-02 02:00 no: before the window ${evil}, Борщ given`
        )
        assert.strictEqual(text.match(/<tr class="quiet">/g)?.length, 1)
        assert.match(text, /<tr class="quiet"><td>1<\/td>/)
      })
    )
  )

  it.effect("show at most 1,000 orders of a tag, and say how to see more", () =>
    inTheCafe(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into cdm.order_contributions
          select number::text, order_version, user_id, order_dt, product_ids, category_ids, recorded_at
          from cdm.order_contributions, generate_series(1001, 2000) as number where order_id = '1'`
        const some = (yield* get("/guest", { id: "anna", tag: soups })).text
        assert.match(wordsOf(some), /… and 983 older ones: more of them given/)
        assert.include(some, "limit=1000")
        const most = yield* words("/guest", { id: "anna", tag: soups, limit: "1000" })
        assert.match(most, /… and 3 older ones: npx metka why GUEST TAG --limit 1003 given/)
      })
    )
  )

  it.effect("tell of a guest first what they have, what a retired rule was, and what does not go together", () =>
    inTheCafe(
      Effect.gen(function* () {
        yield* applyRules([
          { tag: "А", category: "Супы", threshold: 5 },
          { tag: "Я", category: "Супы", threshold: 2 }
        ])
        assert.match(yield* words("/guest", { id: "anna" }), /1 tag\. .* Я More than 2 orders .* А: not given/)
        assert.match(
          yield* words("/guest", { id: "anna", tag: soups }),
          /: not given Retired \d{4}-[\d :-]+\. It was: more than 2 orders with «Супы»/
        )
        const sql = yield* SqlClient.SqlClient
        yield* sql`update cdm.user_category_counters set order_cnt = 9 where category_name = 'Супы' and order_cnt = 3`
        const doubtful = yield* words("/guest", { id: "anna" })
        assert.include(doubtful, "The counter says 9, the ledger has 3: npx metka verify tells what is wrong.")
        assert.include(doubtful, "The guest should have it: npx metka verify tells what is wrong.")
      })
    )
  )

  it.effect("know a guest by an id that was pasted with spaces, and one whose id has them", () =>
    inTheCafe(
      Effect.gen(function* () {
        assert.match(yield* words("/guest", { id: " anna\n" }), /^Guest anna Why/)
        yield* send([cafeOrder(" boris ", 20, "2023-04-01 20:00", ["d3"])])
        yield* settled(0)
        assert.include((yield* get("/guest", { id: " boris " })).text, "<h1>Guest  boris </h1>")
        assert.strictEqual((yield* get("/guest", { id: " zoe " })).status, 404)
      })
    )
  )

  it.effect("never take a name for markup, and let no page load or send anything", () =>
    inTheCafe(
      Effect.gen(function* () {
        yield* applyRules([
          { tag: evil, category: "Десерты", threshold: 1 },
          { tag: `${evil}!`, category: evil, threshold: 0 },
          { tag: "Сладкоежка", category: "Десерты", threshold: 2 }
        ])
        for (const [path, query] of [
          ["/", {}],
          ["/audiences", {}],
          ["/reach", {}],
          ["/audience", { tag: evil }],
          ["/near", { tag: evil }],
          ["/near", { tag: "Сладкоежка" }],
          ["/guest", {}],
          ["/guest", { id: evil }],
          ["/guest", { id: "anna" }],
          ["/guest", { id: `${evil}?` }],
          ["/audience", { tag: `${evil}?` }],
          ["/near", { tag: `${evil}?` }],
          ["/near", { tag: `${evil}!` }]
        ] as const) {
          const { headers, text } = yield* get(path, query)
          assert.notInclude(text, "<script")
          assert.include(text, "&lt;script>")
          assert.deepInclude(Object.fromEntries(headers), closedHeaders)
        }
        const page = (yield* get("/audience", { tag: evil })).text
        const link = /href="(\/guest\?id=%3C[^"]*)"/.exec(page)?.[1]?.replaceAll("&amp;", "&") ?? ""
        assert.include(yield* words(link), `Guest ${evil}`)
      })
    )
  )

  it.effect("say what is not there, and what was asked for in a way that cannot be", () =>
    inTheCafe(
      Effect.gen(function* () {
        const status = (path: string, query: Readonly<Record<string, string>>) =>
          Effect.map(get(path, query), (response) => response.status)
        assert.strictEqual(yield* status("/favicon.ico", {}), 404)
        assert.match(yield* words("/favicon.ico"), /^Not found There is no page at this address\. Each of those above/)
        assert.match((yield* get("/api/nothing")).text, /"status":404,"detail":"\/openapi\.json/)
        assert.strictEqual(yield* status("/health/live", {}), 200)
        assert.strictEqual(yield* status("/metrics", {}), 200)
        assert.strictEqual(yield* status("/guest", { id: "nobody" }), 404)
        assert.match(
          yield* words("/guest", { id: "nobody" }),
          /^This guest is not known No order of «nobody» has been counted\. .* unless it waits for a guest, .* Why these tags\?$/
        )
        assert.strictEqual(yield* status("/guest", { id: "anna", tag: "none" }), 404)
        assert.strictEqual(yield* status("/audience", { tag: "none" }), 404)
        assert.match(
          yield* words("/audience", { tag: "none" }),
          /^This tag is not given Now no active rule gives the tag «none»\. There are: .* All audiences On real servers .*$/
        )
        yield* applyRules([{ tag: "Другой", category: "Супы", threshold: 2 }])
        assert.strictEqual(yield* status("/near", { tag: soups }), 404)
        assert.match(
          yield* words("/near", { tag: soups }),
          /^This tag is not given Now no active rule gives the tag «Любитель супов»\. There are: «Другой»\. All audiences On real servers .*$/
        )
        assert.strictEqual(yield* status("/guest", { id: "a\u0000" }), 400)
        assert.strictEqual(yield* status("/guest", { id: "anna", limit: "0" }), 400)
        assert.strictEqual(yield* status("/guest", { id: "anna", limit: "1e9" }), 400)
        assert.strictEqual(yield* status("/audience", {}), 400)
        assert.match(yield* words("/audience"), /cannot be used tag must be given\. Each of the pages above/)
        assert.strictEqual(yield* status("/audience", { tag: soups, page: "-1" }), 400)
        assert.strictEqual(yield* status("/near", { tag: "Другой", page: "-1" }), 400)
        assert.strictEqual(yield* status("/near", {}), 400)
      })
    )
  )

  it.effect("leave no guest's id in a trace", () =>
    inTheCafe(
      Effect.gen(function* () {
        const asked = Effect.forEach(["/guest?id=anna", "/api/guest?id=anna", "/guest?id=anna&tag=none"], (path) =>
          get(path)
        )
        const spans = yield* exported(Effect.provide(asked, consoleOver()))
        const told = spans.map(({ attributes, name }) => JSON.stringify([name, [...attributes]]))
        assert.isNotEmpty(told.filter((span) => span.includes(`"/guest"`)))
        assert.deepStrictEqual(
          told.filter((span) => span.includes("anna")),
          []
        )
      })
    )
  )

  it.effect("show the orders that wait, and the messages that could not be used", () =>
    inMemory(
      Effect.gen(function* () {
        yield* loadReferences(cafeReferences(["anna"], menu))
        yield* send([cafeOrder("anna", 1, "2023-04-01 20:00", ["d9"]), cafeOrder("zoe", 2, "2023-04-01 20:00", ["d1"])])
        yield* settled(2)
        const letter = (offset: number) => ({
          record: {
            topic: "order-service_orders",
            partition: 3,
            offset,
            timestamp: 1_680_000_000_000,
            key: null,
            value: Buffer.from(offset === 8 ? `{"object_id": 1371198, "object_type": "none"}` : "{"),
            headers: new Map()
          },
          bad: new BadRecord({ reason: "not_json", detail: `it ends too early ${evil}` })
        })
        yield* keepDeadLetters("stg", [letter(7), letter(8), letter(9)]).pipe(
          atTime(Date.parse("2026-11-24T20:00:00Z"))
        )
        const sql = yield* SqlClient.SqlClient
        yield* sql`update ops.dead_letters set closed_at = now() where id = 3`
        const waiting = yield* words("/parked")
        assert.match(waiting, /2 orders name a guest, restaurant or dish that Redis does not know/)
        assert.match(waiting, / 1 dish d9 \d{4}-/)
        assert.match(waiting, / 2 guest zoe \d{4}-/)
        assert.include(
          yield* words("/dead-letters"),
          "2 2026-11-25 02:00 stg order-service_orders, partition 3, offset 8 not_json 1371198 it ends too early " +
            `${evil} 1 2026-11-25 02:00 stg order-service_orders, partition 3, offset 7 not_json unknown it ends`
        )
        const overview = (yield* get("/")).text
        assert.include(wordsOf(overview), "2 waiting orders 2 dead letters")
        assert.include(overview, `<a class="due" href="/dead-letters">`)
        yield* sql`insert into ops.dead_letters
          (service, topic, partition, "offset", kafka_timestamp, headers, reason, detail, received_at)
          select 'dds', 'stg-service-orders', 0, number, now(), '{}', 'schema', '', now()
          from generate_series(1, 101) as number`
        yield* sql`insert into stg.parked_orders
          select 1000 + number, order_version, missing, attempts, now(), next_attempt_at, traceparent
          from stg.parked_orders, generate_series(1, 101) as number where object_id = 1`
        assert.match(yield* words("/dead-letters"), /^Dead letters 103 messages could not .* … and 3 older ones\.$/)
        assert.match(yield* words("/parked"), /103 orders name .* … and 3 that have waited for less long\.$/)
      })
    )
  )

  it.effect("tell of each process that is alive, and of the silent ones in one line a service, with what to do", () =>
    inMemory(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`insert into ops.service_instances
            (instance_id, service, host, pid, version, started_at, heartbeat_at, ready)
            select gen_random_uuid(), service, 'pod-' || number, 1, '1', now() - interval '20 hours',
              now() - age - (number - 1) * interval '1 minute', ready
            from (values ('stg', interval '28 seconds', true, 1), ('stg', interval '31 seconds', true, 200),
              ('dds', interval '5 seconds', false, 2), ('cdm', interval '31 seconds', true, 1)
            ) as row (service, age, ready, copies), generate_series(1, copies) as number
            where age > interval '28 seconds' or number = 1`
        const overview = yield* words("/")
        const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d`
        assert.match(
          overview,
          new RegExp(
            `Services dds waits for a server that it needs since ${time} 1 on pod-1 stg ready since ${time} 1 on pod-1 ` +
              `1 process of cdm has been silent since ${time}, on pod-1\\. No process does the work of cdm now: start it\\. ` +
              `200 processes of stg have been silent, the last since ${time}, on pod-1\\. Others do the work of stg now: ` +
              "nothing is left to do, unless more fall silent\\. Silent is a process that was killed, .* no longer\\.$"
          )
        )
        yield* sql`delete from ops.service_instances where service = 'dds' or heartbeat_at > now() - interval '30 seconds'`
        assert.match(
          yield* words("/"),
          /Services No service runs on this database\. 1 process of cdm .* No process does the work of stg now: start it\./
        )
        yield* sql`insert into ops.service_instances values
          (gen_random_uuid(), 'all', 'pod-9', 1, '1', now(), now(), true)`
        const whole = yield* words("/")
        assert.match(whole, /Services all ready since .* 1 process of cdm .*, on pod-1\. Others do the work of cdm now/)
        yield* sql`update ops.service_instances set heartbeat_at = now() - interval '1 minute' where service = 'all'`
        yield* sql`insert into ops.service_instances
          select gen_random_uuid(), service, 'pod-8', 1, '1', now(), now(), true
          from unnest(array['stg', 'dds', 'cdm']) as service`
        assert.match(yield* words("/"), / No process does the work of all now: start it\./)
        yield* sql`insert into ops.service_instances values
          (gen_random_uuid(), 'console', 'pod-8', 1, '1', now(), now(), true)`
        assert.match(yield* words("/"), / 1 process of all .*, on pod-9\. Others do the work of all now/)
        assert.notInclude(whole, "start it")
      })
    )
  )

  it.effect("tell on an empty database what to do next, and no longer once there are orders and rules", () =>
    inMemory(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.match(
          yield* words("/"),
          new RegExp(
            "What to do next There are no orders yet, so there is nothing to count\\. Fill .* npx metka references load FILE .* npx metka rules apply FILE " +
              ".* npm run stg, npm run dds, npm run cdm .* npx metka load --wait FILE"
          )
        )
        yield* send([{ key: null, value: Buffer.from("{") }])
        yield* settled(0)
        const refused = (yield* Effect.provide(get("/"), consoleOver())).text
        assert.match(wordsOf(refused), /There are no orders yet, .* could not be used: the dead letters say why\. Fill/)
        yield* sql`insert into ops.service_instances values
          (gen_random_uuid(), 'stg', 'pod', 1, '1', now(), now(), true),
          (gen_random_uuid(), 'dds', 'pod', 1, '1', now(), now() - interval '1 hour', true)`
        yield* applyRules([{ tag: soups, category: "Супы", threshold: 0 }])
        const ruled = yield* Effect.provide(words("/"), consoleOver())
        assert.notInclude(ruled, "rules apply")
        assert.match(ruled, /next There are no orders yet, .* Start what does not run: npm run dds, npm run cdm Load/)
        yield* loadReferences(cafeReferences(["anna"], menu))
        yield* send([cafeOrder("anna", 1, "2023-04-01 20:00", ["d1"])])
        yield* settled(0)
        assert.notInclude(yield* Effect.provide(words("/"), consoleOver()), "What to do next")
      })
    )
  )

  it.effect("tell where there are orders and no rule that no guest gets a tag, and what to do", () =>
    inMemory(
      Effect.gen(function* () {
        yield* loadReferences(cafeReferences(["anna"], menu))
        yield* send([cafeOrder("anna", 1, "2023-04-01 20:00", ["d1"])])
        yield* settled(0)
        const overview = yield* words("/")
        assert.match(
          overview,
          /What to do next There are no tag rules\. Until there are, no guest gets a tag\. What a rule/
        )
        assert.notInclude(overview, "metka load")
      })
    )
  )

  it.effect("tell of no next step while the week is being loaded", () =>
    Effect.gen(function* () {
      assert.notInclude(yield* words("/"), "What to do next")
    }).pipe(Effect.provide(consoleOver({ note: "The week is being loaded.", isLoading: true })), (use) =>
      withMemorySystem({}, use)
    )
  )

  it.effect("offer one who has no guest in mind those who were given a tag lately", () =>
    inTheCafe(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`update cdm.user_tags set given_at = '2026-11-24T20:00:00Z'
          where user_id = (select user_id from cdm.guests where guest_id = 'anna') and tag = ${soups}`
        yield* sql`update cdm.user_tags set given_at = '2026-11-23T20:00:00Z'
          where given_at <> '2026-11-24T20:00:00Z'`
        const giveOthers = (count: number, at: string) => sql`
          insert into cdm.user_tags (user_id, tag, category_id, order_cnt, rule_version, given_at)
          select gen_random_uuid(), ${soups}, gen_random_uuid(), 3, 1, ${at}::timestamptz
          from generate_series(1, ${count}::int)`
        yield* giveOthers(60, "2026-11-22T20:00:00Z")
        const search = yield* words("/guest")
        assert.match(
          search,
          /Given a tag lately Guest Newest tag Given, Asia\/Omsk anna Любитель супов 2026-11-25 02:00 <script>/
        )
        assert.include((yield* get("/guest", { id: " " })).text, `<a href="/guest?id=anna">anna</a>`)
        yield* giveOthers(10, "2026-11-25T20:00:00Z")
        const { text } = yield* get("/guest")
        assert.strictEqual(text.match(/href="\/guest\?id=/g)?.length, 5)
        assert.notInclude(text, "anna")
      })
    )
  )

  it.effect("tell of a guest which tags they had by rules that are retired, and lead to why", () =>
    inTheCafe(
      Effect.gen(function* () {
        assert.notInclude(yield* words("/guest", { id: "anna" }), "retired")
        yield* applyRules([{ tag: evil, category: "Десерты", threshold: 1 }])
        const { text } = yield* get("/guest", { id: "anna" })
        assert.match(
          wordsOf(text),
          /1 tag\. .* Tags of rules that are retired Любитель супов : taken [\d :-]+ with 3 orders \(version 1: more than 2 orders with «Супы»\)$/
        )
        const link = /<li><a href="([^"]*)"/.exec(text)?.[1]?.replaceAll("&amp;", "&") ?? ""
        assert.match(yield* words(link), /^Guest anna .* Любитель супов: not given Retired /)
        assert.notInclude(yield* words(link), "Tags of rules")
        yield* applyRules([])
        const none = yield* words("/guest", { id: evil })
        assert.match(
          none,
          /There are no tag rules\. On real servers .* each time it is saved\. Tags of rules that are retired <script>/
        )
        assert.notInclude(yield* words("/guest", { id: "boris" }), "retired")
      })
    )
  )
})

layer(memoryDatabase, { excludeTestServices: true, timeout: "1 minute" })("A page that cannot be had", (it) => {
  it.effect("comes without its content while the database is busy, and asks again", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const held = yield* Deferred.make<void>()
      const asked = yield* Deferred.make<void>()
      // PGlite has one connection.
      const holder = sql.withTransaction(Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(asked)))
      yield* Effect.forkScoped(holder)
      yield* Deferred.await(held)
      const { status, text } = yield* get("/audiences")
      const csv = yield* get("/audience.csv", { tag: "any" })
      const api = yield* get("/api/audiences")
      yield* Deferred.succeed(asked, undefined)
      assert.deepStrictEqual(
        [csv.status, csv.headers.get("retry-after"), csv.text],
        [503, "5", "The database is busy: ask again in a moment\n"]
      )
      assert.strictEqual(api.status, 503)
      assert.strictEqual(status, 200)
      assert.match(wordsOf(text), /^One moment The week is being loaded\. The database is busy\./)
      assert.include(text, `<meta http-equiv="refresh" content="5"`)
    }).pipe(Effect.provide(consoleOver({ note: "The week is being loaded.", isLoading: true })))
  )

  it.effect("says what is wrong with the database, and asks again", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`alter table cdm.tag_rules rename to tag_rules_away`
      const { status, text } = yield* get("/audiences")
      const api = yield* get("/api/audiences")
      const csv = yield* get("/audience.csv", { tag: "any" })
      yield* sql`alter table cdm.tag_rules_away rename to tag_rules`
      assert.strictEqual(status, 503)
      assert.match(wordsOf(text), /^The marts cannot be read now .*run `npm run migrate`/)
      assert.include(text, `<meta http-equiv="refresh" content="5"`)
      assert.strictEqual(api.status, 503)
      assert.match(api.text, /"MartsUnreadable".*npm run migrate/)
      assert.include(JSON.parse(api.text), { title: "Service Unavailable", status: 503 })
      assert.strictEqual(csv.status, 503)
    }).pipe(Effect.provide(consoleOver(state)))
  )
})
