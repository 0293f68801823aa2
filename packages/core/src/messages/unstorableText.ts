/**
 * JSON can spell texts that PostgreSQL cannot hold: `\u0000` and surrogates without their other half.
 * They are looked for in the raw text, so that none hides in a key, an unknown field or a duplicate member.
 */

const escapes = /\\(?:u([0-9a-fA-F]{4})|.)/gs

/**
 * Says what in a valid JSON text PostgreSQL could not store, or `undefined` when it can store all of it.
 * @param json a text that `JSON.parse` accepts and that holds no raw lone surrogate (it was decoded from UTF-8)
 */
export const unstorableText = (json: string): string | undefined => {
  if (!json.includes("\\u")) return undefined
  let high = -1
  for (const match of json.matchAll(escapes)) {
    const code = match[1] === undefined ? -1 : Number.parseInt(match[1], 16)
    const isLow = code >= 0xdc00 && code <= 0xdfff
    const followsHigh = high !== -1 && match.index === high
    if (high !== -1 && !(followsHigh && isLow)) return "a lone high surrogate"
    if (isLow && !followsHigh) return "a lone low surrogate"
    if (code === 0) return "the character U+0000"
    high = code >= 0xd800 && code <= 0xdbff ? match.index + 6 : -1
  }
  return high === -1 ? undefined : "a lone high surrogate"
}
