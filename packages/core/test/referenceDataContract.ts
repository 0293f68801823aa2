/** What every layer of the reference port promises: one suite for memory and Redis. Ids are unique to each test. */
import { assert, layer as withLayer } from "@effect/vitest"
import { Effect, type Layer, Logger } from "effect"
import { randomUUID } from "node:crypto"
import { ReferenceData } from "../src/ReferenceData.ts"

export const freshId = (kind: string): string => `${kind}-${randomUUID()}`

export const user = (id: string, changes: object = {}) => ({
  _id: id,
  name: "Котова Ольга Вениаминовна",
  login: "kotova",
  update_ts_utc: "2022-11-19 16:06:36",
  ...changes
})

export const menuItem = (id: string, changes: object = {}) => ({
  _id: id,
  name: "Рис с лимоном",
  price: 175,
  category: "Гарниры",
  ...changes
})

export const restaurant = (id: string, changes: object = {}) => ({
  _id: id,
  name: "Кофейня №1",
  menu: [menuItem("rice")],
  update_ts_utc: "2022-11-19 16:06:36",
  ...changes
})

/** Loads documents under their own ids. */
export const load = (...documents: ReadonlyArray<{ readonly _id: string }>) =>
  Effect.flatMap(ReferenceData, (references) =>
    references.load(documents.map((document) => ({ id: document._id, json: JSON.stringify(document) })))
  )

export const find = (guestIds: Iterable<string>, restaurantIds: Iterable<string>) =>
  Effect.flatMap(ReferenceData, (references) => references.find(guestIds, restaurantIds))

/** Runs the effect and gives, with its value, the warnings it logged. */
export const withWarnings = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const warnings: Array<string> = []
    const keep = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(String(message))
    })
    return effect.pipe(
      Effect.map((value) => ({ value, warnings })),
      Effect.provide(Logger.layer([keep]))
    )
  })

export const referenceDataContract = <E>(name: string, layer: Layer.Layer<ReferenceData, E>): void =>
  withLayer(layer, { excludeTestServices: true })(name, (it) => {
    it.effect("gives guests and restaurants as they were loaded, and nothing for ids it does not know", () =>
      Effect.gen(function* () {
        const [guest, place] = [freshId("user"), freshId("restaurant")]
        yield* load(user(guest), restaurant(place))
        const found = yield* find([guest, freshId("user")], [place, freshId("restaurant")])
        assert.deepStrictEqual(
          [...found.guests.values()],
          [{ id: guest, name: "Котова Ольга Вениаминовна", login: "kotova", version: "2022-11-19 16:06:36" }]
        )
        assert.deepStrictEqual(
          [...found.restaurants.values()],
          [
            {
              id: place,
              name: "Кофейня №1",
              version: "2022-11-19 16:06:36",
              menu: new Map([["rice", { name: "Рис с лимоном", category: "Гарниры" }]])
            }
          ]
        )
      })
    )

    it.effect("asked for nothing, gives nothing", () =>
      Effect.gen(function* () {
        const { guests, restaurants } = yield* find([], [])
        assert.deepStrictEqual([guests.size, restaurants.size], [0, 0])
      })
    )

    it.effect("gives the document that was loaded last", () =>
      Effect.gen(function* () {
        const guest = freshId("user")
        yield* load(user(guest))
        yield* load(user(guest, { name: "Иванова Ольга", update_ts_utc: "2023-01-01 00:00:00" }))
        const { guests } = yield* find([guest], [])
        assert.deepStrictEqual(guests.get(guest), {
          id: guest,
          name: "Иванова Ольга",
          login: "kotova",
          version: "2023-01-01 00:00:00"
        })
      })
    )

    it.effect("gives a whole batch at once, each id in its place", () =>
      Effect.gen(function* () {
        const ids = Array.from({ length: 2_500 }, () => freshId("user"))
        const known = ids.filter((_, index) => index % 2 === 0)
        yield* load(...known.map((id) => user(id, { name: `guest ${id}` })))
        const { guests } = yield* find(ids, [])
        assert.deepStrictEqual(
          [...guests.values()].map(({ id, name }) => [id, name]),
          known.map((id) => [id, `guest ${id}`])
        )
      })
    )

    it.effect("a restaurant is no guest, a guest is no restaurant, even if asked for as both", () =>
      Effect.gen(function* () {
        const [guest, place] = [freshId("user"), freshId("restaurant")]
        yield* load(user(guest), restaurant(place))
        const {
          value: { guests, restaurants },
          warnings
        } = yield* withWarnings(find([guest, place], [guest, place]))
        assert.strictEqual(warnings.length, 2)
        assert.deepStrictEqual([[...guests.keys()], [...restaurants.keys()]], [[guest], [place]])
      })
    )

    it.effect("takes documents whose update_ts_utc is no time, and says so", () =>
      Effect.gen(function* () {
        const guest = freshId("user")
        yield* load(user(guest, { update_ts_utc: "zzz" }))
        const { value, warnings } = yield* withWarnings(find([guest], []))
        assert.strictEqual(value.guests.get(guest)?.version, "zzz")
        assert.deepStrictEqual(
          warnings.map((warning) => warning.includes(guest) && warning.includes("update_ts_utc that is no time")),
          [true]
        )
      })
    )

    it.effect("takes documents with unknown fields, without prices and without update_ts_utc", () =>
      Effect.gen(function* () {
        const [guest, place] = [freshId("user"), freshId("restaurant")]
        const references = yield* ReferenceData
        yield* references.load([
          { id: guest, json: JSON.stringify({ _id: guest, name: "К", login: "", birthday: null, note: "\u0000" }) },
          {
            id: place,
            json: JSON.stringify({
              _id: place,
              name: "К",
              open: true,
              menu: [{ _id: "a", name: "b", category: "c", hot: 1 }]
            })
          }
        ])
        const found = yield* find([guest], [place])
        assert.strictEqual(found.guests.get(guest)?.version, "")
        assert.strictEqual(found.restaurants.get(place)?.version, "")
        assert.deepStrictEqual(found.restaurants.get(place)?.menu.get("a"), { name: "b", category: "c" })
      })
    )

    it.effect("a menu that was changed, or cannot be read any more, is seen with the next look", () =>
      Effect.gen(function* () {
        const references = yield* ReferenceData
        const place = freshId("restaurant")
        const dishes = Effect.map(find([], [place]), ({ restaurants }) => [
          ...(restaurants.get(place)?.menu.values() ?? [])
        ])
        yield* load(restaurant(place))
        const before = yield* dishes
        assert.deepStrictEqual(yield* dishes, before)
        yield* load(restaurant(place, { menu: [menuItem("rice", { category: "Супы" })] }))
        assert.deepStrictEqual(
          (yield* dishes).map(({ category }) => category),
          ["Супы"]
        )
        yield* references.load([{ id: place, json: "no menu" }])
        assert.deepStrictEqual(yield* dishes, [])
        yield* load(restaurant(place))
        assert.deepStrictEqual(yield* dishes, before)
      })
    )

    const unreadable: ReadonlyArray<readonly [what: string, json: (id: string) => string]> = [
      ["text that is not JSON", () => "Котова"],
      ["null", () => "null"],
      ["a document without a name", (id) => JSON.stringify(user(id, { name: undefined }))],
      ["an empty name", (id) => JSON.stringify(user(id, { name: "" }))],
      ["a name that is a number", (id) => JSON.stringify(user(id, { name: 7 }))],
      ["U+0000 in a name", (id) => JSON.stringify(user(id, { name: "Ко\u0000това" }))],
      ["a lone surrogate in a name", (id) => JSON.stringify(user(id, { name: "Ко\ud800това" }))],
      ["U+0000 in a login", (id) => JSON.stringify(user(id, { login: "\u0000" }))],
      ["no login", (id) => JSON.stringify(user(id, { login: undefined }))],
      ["the document of another id", () => JSON.stringify(user(freshId("user")))]
    ]
    for (const [what, json] of unreadable) {
      it.effect(`${what} counts as absent, is warned of once, and does not hide its neighbours`, () =>
        Effect.gen(function* () {
          const references = yield* ReferenceData
          const [bad, good] = [freshId("user"), freshId("user")]
          yield* references.load([{ id: bad, json: json(bad) }])
          yield* load(user(good))
          const { value, warnings } = yield* withWarnings(Effect.andThen(find([bad, good], []), find([bad, good], [])))
          assert.deepStrictEqual([...value.guests.keys()], [good])
          assert.strictEqual(warnings.length, 1)
          assert.match(warnings[0] ?? "", new RegExp(`${bad}.+cannot be read as a guest: .+`))
          assert.notMatch(warnings[0] ?? "", /Ко/, "no part of the guest's name is logged")
        })
      )
    }

    it.effect("an unreadable dish is absent from the menu and warned of; the other dishes stay", () =>
      Effect.gen(function* () {
        const place = freshId("restaurant")
        const menu = [
          menuItem("rice"),
          menuItem("nameless", { name: undefined }),
          menuItem("uncategorised", { category: "" }),
          menuItem("unstorable", { category: "Сала\u0000ты" }),
          "soup",
          menuItem("tea")
        ]
        yield* load(restaurant(place, { menu }))
        const { value, warnings } = yield* withWarnings(Effect.andThen(find([], [place]), find([], [place])))
        assert.deepStrictEqual([...(value.restaurants.get(place)?.menu.keys() ?? [])], ["rice", "tea"])
        assert.strictEqual(warnings.length, 1)
        for (const index of [1, 2, 3, 4]) assert.include(warnings[0], `menu[${index}]`)
      })
    )

    it.effect("answers a ping", () => Effect.flatMap(ReferenceData, (references) => references.ping))
  })
