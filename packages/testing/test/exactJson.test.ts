import { assert, describe, it } from "@effect/vitest"
import { holdsUnstorableText, memberText } from "../src/oracle/exactJson.ts"
import { normaliseTime } from "../src/oracle/normaliseTime.ts"

describe("The exact text of a member", () => {
  it("keeps its inner space, escapes and forms of numbers, and drops the space around it", () => {
    const inner = `{ "a" : [1.00, "}\\"]\\\\"] ,\n"b":{}}`
    assert.strictEqual(memberText(` { "x":1, "payload" : \t${inner} \n, "y":[{"payload":2}]} `, "payload"), inner)
  })

  it("is found when it is a number, a literal or a string, first or last", () => {
    const text = `{"a":-1.50e3 ,"b":null,"c":"\\\\\\"","d":true}`
    assert.deepStrictEqual(
      ["a", "b", "c", "d", "e"].map((name) => memberText(text, name)),
      ["-1.50e3", "null", `"\\\\\\""`, "true", undefined]
    )
  })

  it("is that of the last member of the name, also when the name is written with escapes", () => {
    assert.strictEqual(memberText(`{"p":1,"\\u0070":2,"q":{"p":3}}`, "p"), "2")
  })

  it("is found below any depth of brackets", () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000)
    assert.strictEqual(memberText(`{"a":${deep},"p":1}`, "p"), "1")
  })
})

describe("Text that PostgreSQL cannot hold", () => {
  it("is found in names, values and hidden duplicates", () => {
    for (const text of [
      `{"\\u0000":1}`,
      `["\\u0000"]`,
      `{"a":"\\ud800","a":1}`,
      `["\\udc00\\ud800"]`,
      `["\\ud800","\\udc00"]`,
      `["\\\\\\u0000"]`
    ])
      assert.isTrue(holdsUnstorableText(text), text)
  })

  it("is not seen in an escaped backslash or a whole pair", () => {
    for (const text of [`["\\\\u0000"]`, `["\\ud83d\\ude00"]`, `["\\\\ud83d"]`, `["😀\\u0001"]`]) {
      assert.isFalse(holdsUnstorableText(text), text)
    }
  })
})

describe("A time", () => {
  it("gets six digits of fraction, cut and not rounded", () => {
    assert.deepStrictEqual(
      ["2023-04-08 20:27:36", "2023-04-08 20:27:36.5", "2023-12-31 23:59:59.9999999"].map(normaliseTime),
      ["2023-04-08 20:27:36.000000", "2023-04-08 20:27:36.500000", "2023-12-31 23:59:59.999999"]
    )
  })

  it("exists in the calendar, in UTC and in one form only", () => {
    for (const text of [
      "2023-02-29 00:00:00",
      "1900-02-29 00:00:00",
      "2023-04-31 00:00:00",
      "2023-00-01 00:00:00",
      "2023-01-00 00:00:00",
      "0000-01-01 00:00:00",
      "2023-01-01 24:00:00",
      "2023-01-01 23:59:60",
      "2023-01-01T00:00:00",
      "2023-01-01 00:00:00Z",
      "2023-01-01 00:00:00.",
      "2023-01-01  00:00:00",
      "2023-01-01 00:00:00\n",
      "2023-1-1 00:00:00",
      ""
    ])
      assert.isUndefined(normaliseTime(text), text)
    for (const text of ["2024-02-29 00:00:00", "2000-02-29 00:00:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59"]) {
      assert.isDefined(normaliseTime(text), text)
    }
  })
})
