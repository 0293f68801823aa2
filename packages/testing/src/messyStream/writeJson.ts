import { type Random, shuffled } from "./Random.ts"

/** JSON as data, and `RawJson` for what data cannot say: a number beyond range, half a surrogate pair. */
export type Json = string | number | boolean | null | RawJson | ReadonlyArray<Json> | JsonMembers

export interface JsonMembers {
  readonly [name: string]: Json
}

/** Text that goes into the document as it is. */
export class RawJson {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** How a document is written; the meaning of its known members never changes. */
export interface Manner {
  /** Share of objects, at every level, that get a member nobody knows. */
  readonly extras: number
  /** Share of members that an earlier, wrong one of the same name precedes. */
  readonly shadows: number
}

const extraNames = ["promo", "комментарий", "__proto__", "constructor", "", 'a "b" \\c', "🙂", "toString"]

const extraValues = [
  "null",
  "true",
  "[]",
  "{}",
  "-0.0",
  "1e400",
  "1E-7",
  "123456789012345678901234567890",
  '{"deep": [[[{"payload": {"update_ts": 1}}]]]}',
  // An escaped backslash, and then harmless letters: not the character U+0000, not half a surrogate pair.
  '"\\\\u0000"',
  '"\\\\ud83d"',
  '"\\ud83d\\ude00"',
  '"it\'s; drop table --"',
  '"\\"}]"',
  '"\\u007f\\b\\f\\n\\r\\t\\/"',
  '"\u2028 \u00a0\ufeff"'
]

const space = (random: Random) => (random.chance(0.85) ? "" : random.pick([" ", "\n", "\t", "\r\n", "  \n    "]))

const unicodeEscape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`

const writeString = (random: Random, value: string): string => {
  if (random.chance(0.85)) return JSON.stringify(value)
  const units = value.split("")
  // Both halves of a pair, or none: a lone half in the text cannot become UTF-8.
  const escapeAll = random.chance(0.5)
  const written = units.map((unit) => {
    const half = /[\ud800-\udfff]/.test(unit)
    if (escapeAll || (!half && random.chance(0.3))) {
      return random.chance(0.5) ? unicodeEscape(unit) : unicodeEscape(unit).replace(/[a-f]/g, (d) => d.toUpperCase())
    }
    return half ? unit : JSON.stringify(unit).slice(1, -1)
  })
  return `"${written.join("")}"`
}

const writeNumber = (random: Random, value: number): string => {
  const plain = String(value)
  if (!Number.isInteger(value) || random.chance(0.7)) return plain
  const forms = [`${plain}.0`, `${plain}.00`, `${plain}e0`, `${plain}.000000`]
  return random.pick(forms)
}

/** A document of the same meaning in one of the many ways to write it: order of members, space, escapes, numbers. */
export const writeJson = (random: Random, value: Json, manner: Manner): string => {
  if (typeof value === "string") return writeString(random, value)
  if (typeof value === "number") return writeNumber(random, value)
  if (value === null || typeof value === "boolean") return String(value)
  if (value instanceof RawJson) return value.text
  const pad = () => space(random)
  if (isArray(value)) {
    return `[${pad()}${value.map((item) => writeJson(random, item, manner) + pad()).join(`,${pad()}`)}]`
  }
  const members = Object.entries(value).map(([name, member]): readonly [string, string] => [
    name,
    writeJson(random, member, manner)
  ])
  if (random.chance(manner.extras)) members.push([random.pick(extraNames), random.pick(extraValues)])
  const ordered = random.chance(0.5) ? members : shuffled(random, members)
  const written = ordered.flatMap(([name, text]) => {
    const member = `${writeString(random, name)}${pad()}:${pad()}${text}${pad()}`
    return random.chance(manner.shadows)
      ? [`${writeString(random, name)}:${random.pick(extraValues)}`, member]
      : [member]
  })
  return `{${pad()}${written.join(`,${pad()}`)}}`
}

const isArray = (value: ReadonlyArray<Json> | JsonMembers): value is ReadonlyArray<Json> => Array.isArray(value)
