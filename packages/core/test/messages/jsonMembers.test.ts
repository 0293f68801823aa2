import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { jsonMembers } from "../../src/messages/jsonMembers.ts"

const members = (json: string): ReadonlyArray<string | undefined> =>
  jsonMembers(Buffer.from(json), ["payload", "ключ"]).map((bytes) =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8")
  )

const member = (json: string): string | undefined => members(json)[0]

/** JSON with whitespace wherever it may stand. */
const spaced = (json: unknown, space: string): string => {
  const [open, close, parts] = Array.isArray(json)
    ? ["[", "]", json.map((item) => spaced(item, space))]
    : typeof json === "object" && json !== null
      ? [
          "{",
          "}",
          Object.entries(json).map(([key, value]) => `${JSON.stringify(key)}${space}:${space}${spaced(value, space)}`)
        ]
      : ["", "", undefined]
  return parts === undefined
    ? JSON.stringify(json)
    : `${open}${space}${parts.join(`${space},${space}`)}${space}${close}`
}

describe("a member of a JSON text", () => {
  it("is found as it is written, whatever stands around it", () => {
    const keys = fc.constantFrom("payload", 'pay"load', "{", "ключ", "\\", "a:b,")
    const anyJson = fc.jsonValue({ maxDepth: 3 })
    const anyMembers = fc.array(fc.tuple(keys, anyJson), { maxLength: 5 })
    fc.assert(
      fc.property(anyMembers, fc.constantFrom("", " ", "\r\n\t"), (written, space) => {
        const text = `${space}{${written
          .map(([key, value]) => `${space}${JSON.stringify(key)}${space}:${space}${spaced(value, space)}${space}`)
          .join(",")}}${space}`
        const lastOf = (name: string) => {
          const last = written.findLast(([key]) => key === name)
          return last === undefined ? undefined : spaced(last[1], space)
        }
        assert.deepStrictEqual(members(text), [lastOf("payload"), lastOf("ключ")])
      })
    )
  })

  it("is found under a key with escapes, and not inside of another member or a text", () => {
    assert.strictEqual(member(String.raw`{"payl\u006fad": 1}`), "1")
    assert.strictEqual(member(String.raw`{"a": {"payload": 1}, "b": "\"payload\": 2", "c": ["payload"]}`), undefined)
    assert.strictEqual(member('["payload", 1]'), undefined)
    assert.strictEqual(member('"payload"'), undefined)
  })
})
