import { assert, describe, it } from "@effect/vitest"
import { finalReferences, brokenKinds, messyStream, shuffle } from "../src/messyStream/messyStream.ts"
import { scenarioNames } from "../src/messyStream/scenarios.ts"
import { type Delivery, expectedState } from "../src/oracle/expectedState.ts"
import type { TagRule } from "../src/oracle/expectedTags.ts"
import { readOrder } from "../src/oracle/readOrder.ts"

const stream = messyStream(42)

const delivered = (messages: typeof stream.deliveries): ReadonlyArray<Delivery> =>
  messages.map(({ key, value }, offset) => ({
    topic: "orders",
    partition: 0,
    offset,
    timestamp: 0,
    key: key === null ? null : Buffer.from(key),
    value
  }))

const expected = expectedState({
  deliveries: delivered(stream.deliveries),
  references: finalReferences(stream),
  rules: stream.rules
})

const orders = stream.deliveries.flatMap(({ value }) => {
  const read = readOrder(value)
  return "broken" in read ? [] : [read]
})

const texts = stream.deliveries.map(({ value }) => Buffer.from(value).toString())

describe("The messy stream", () => {
  it("is the same for the same seed, and another for another", () => {
    assert.deepStrictEqual(messyStream(5, 60), messyStream(5, 60))
    assert.notDeepEqual(messyStream(5, 60).deliveries, messyStream(6, 60).deliveries)
  })

  it("has about 2,000 orders in 5,000 messages, each life and each kind of broken message among them", () => {
    assert.lengthOf(expected.stgOrderEvents, 2000)
    assert.isAbove(stream.deliveries.length, 4500)
    assert.isBelow(stream.deliveries.length, 5500)
    for (const name of [...scenarioNames, ...brokenKinds]) assert.isAbove(stream.census.get(name) ?? 0, 0, name)
    assert.isAbove(brokenKinds.length, 25)
  })

  it("breaks exactly the messages that it says are broken", () => {
    const broken = brokenKinds.reduce((sum, kind) => sum + (stream.census.get(kind) ?? 0), 0)
    assert.lengthOf(expected.deadLetters, broken)
    assert.isFalse(expected.stgMessages.some(({ message }) => message.payload.status === "BROKEN"))
  })

  it("leads to one state in every order of arrival", () => {
    // Broken messages have other offsets in another order of arrival.
    const state = (of: typeof expected) => ({ ...of, deadLetters: [] })
    const other = expectedState({
      deliveries: delivered(shuffle(1, stream.deliveries)),
      references: finalReferences(stream),
      rules: stream.rules
    })
    assert.deepStrictEqual(state(other), state(expected))
    assert.lengthOf(other.deadLetters, expected.deadLetters.length)
  })

  it("leaves no order for which the order of arrival decides", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const other = messyStream(seed, 300, { never: 0.3, late: 0.3 })
      const state = expectedState({
        deliveries: delivered(other.deliveries),
        references: finalReferences(other),
        rules: other.rules
      })
      assert.deepStrictEqual(state.undecidable, [])
      assert.isAbove(state.parked.length, 50)
    }
  })

  it("needs late references, and is mended by them", () => {
    const before = expectedState({
      deliveries: delivered(stream.deliveries),
      references: stream.initialReferences,
      rules: stream.rules
    })
    const missing = (kind: "guests" | "restaurants" | "dishes") => before.parked.flatMap((order) => order.missing[kind])
    const never: Readonly<Record<string, ReadonlyArray<string>>> = stream.neverReferences
    for (const kind of ["guests", "restaurants", "dishes"] as const) {
      assert.isTrue(
        missing(kind).some((id) => never[kind]?.includes(id) === false),
        `late ${kind}`
      )
      const left = new Set(expected.parked.flatMap((order) => order.missing[kind]))
      assert.isAbove(left.size, 0, `never ${kind}`)
      assert.deepStrictEqual(
        [...left].filter((id) => never[kind]?.includes(id) !== true),
        []
      )
    }
  })

  it("gives counters and tags something to do, on both sides of the thresholds", () => {
    for (const { tag, category, threshold } of stream.rules.slice(0, 3)) {
      const counts = expected.userCategoryCounters.filter((row) => row.category_name === category)
      assert.isTrue(
        expected.userTags.some((row) => row.tag === tag),
        tag
      )
      if (threshold > 0)
        assert.isTrue(
          counts.some((row) => row.order_cnt === threshold),
          `${tag} at its threshold`
        )
    }
    assert.isTrue(expected.userProductCounters.some((row) => row.order_cnt > 1))
  })

  it("has rules with a window that tag some of the guests whom they would tag without, and keep some for a while", () => {
    const windowed = stream.rules.flatMap(({ window, ...rule }) => (window === undefined ? [] : [{ ...rule, window }]))
    assert.isAbove(windowed.length, 4)
    const { userTags } = expectedState({
      deliveries: delivered(stream.deliveries),
      references: finalReferences(stream),
      rules: windowed.flatMap(({ window, ...rule }): ReadonlyArray<TagRule> => [
        { ...rule, window },
        { ...rule, tag: `${rule.tag}, ever` },
        { ...rule, tag: `${rule.tag}, not kept`, window: { ...window, exitThreshold: rule.threshold } }
      ])
    })
    const guestsOf = (tag: string) => userTags.filter((row) => row.tag === tag).map(({ user_id }) => user_id)
    let kept = 0
    for (const { tag } of windowed) {
      const guests = guestsOf(tag)
      const ever = guestsOf(`${tag}, ever`)
      assert.isNotEmpty(guests, tag)
      assert.includeMembers(ever, guests, tag)
      assert.isBelow(guests.length, ever.length, tag)
      const notKept = guestsOf(`${tag}, not kept`)
      assert.includeMembers(guests, notKept, tag)
      kept += guests.length - notKept.length
    }
    assert.isAbove(kept, 2)
  })

  it("corrects dates of orders, and nothing else of them", () => {
    const ofOrder = Map.groupBy(orders, (order) => order.objectId)
    const corrected = [...ofOrder.values()].filter((versions) => {
      const days = new Set(versions.map(({ date }) => date.slice(0, 13)))
      const others = versions.map(({ finalStatus, items, userId }) => JSON.stringify({ finalStatus, items, userId }))
      return days.size > 1 && new Set(others).size === 1
    })
    // The others need what Redis never knows, and each version something else of it.
    assert.isAbove(corrected.length, 0.9 * (stream.census.get("dateCorrected") ?? 0))
  })

  it("has versions that only sent_dttm, and versions that only the hash tells apart", () => {
    const versions = new Set(orders.map((order) => `${order.objectId}|${order.version}`))
    const prefixes = (parts: number) => [...versions].map((version) => version.split("|").slice(0, parts).join("|"))
    assert.isBelow(new Set(prefixes(3)).size, versions.size)
    assert.isBelow(new Set(prefixes(2)).size, new Set(prefixes(3)).size)
    assert.isBelow(versions.size, orders.length)
  })

  it("writes JSON in all its ways", () => {
    const ways: Readonly<Record<string, RegExp>> = {
      decimals: /"cost":\d+\.00[,} ]/,
      fraction: /\d\d:\d\d:\d\d\.5"/,
      longFraction: /\d\d:\d\d:\d\d\.\d{7,}"/,
      space: /\{\s+"/,
      escapedPair: /\\ud8..\\ud[c-f]../i,
      escapedName: /"[a-z_]*\\u00[0-9a-f]{2}[^"]*"\s*:/i,
      prototype: /"__proto__"/,
      emptyItems: /"order_items":\[\s*\]/,
      beyondRange: /1e400/
    }
    for (const [way, pattern] of Object.entries(ways))
      assert.isTrue(
        texts.some((text) => pattern.test(text)),
        way
      )
    assert.isTrue(
      texts.some((text) => text.indexOf('"payload"') < text.indexOf('"object_id"')),
      "order of members"
    )
    assert.isTrue(
      stream.deliveries.some(({ key }) => key === null),
      "null keys"
    )
    assert.isTrue(
      orders.some((order) => order.items.length === 300),
      "300 dishes"
    )
    assert.isTrue(
      orders.some((order) => new Set(order.items.map(({ id }) => id)).size < order.items.length),
      "dish twice"
    )
  })

  it("obeys its proportions", () => {
    const quiet = messyStream(3, 200, { broken: 0, duplicates: 0, never: 0, late: 0, nullKeys: 1 })
    const state = expectedState({
      deliveries: delivered(quiet.deliveries),
      references: quiet.initialReferences,
      rules: quiet.rules
    })
    assert.deepStrictEqual([state.deadLetters, state.parked], [[], []])
    assert.isTrue(quiet.deliveries.every(({ key }) => key === null))
    assert.strictEqual(
      new Set(quiet.deliveries.map(({ value }) => Buffer.from(value).toString())).size,
      quiet.deliveries.length
    )
  })
})

describe("A shuffle", () => {
  it("keeps every item, changes the order and is the same for the same seed", () => {
    const items = Array.from({ length: 100 }, (_, index) => index)
    const shuffledOnce = shuffle(7, items)
    assert.deepStrictEqual(
      [...shuffledOnce].sort((a, b) => a - b),
      items
    )
    assert.notDeepEqual(shuffledOnce, items)
    assert.deepStrictEqual(shuffle(7, items), shuffledOnce)
    assert.notDeepEqual(shuffle(8, items), shuffledOnce)
  })
})
