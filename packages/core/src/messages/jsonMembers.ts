/** The bytes that spell members of a JSON object, as they stand there: nothing is parsed and written anew. */

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const isOpening = (byte: number): boolean => byte === 0x7b || byte === 0x5b
const isClosing = (byte: number): boolean => byte === 0x7d || byte === 0x5d
/** Space, tab, line feed, carriage return. */
const isWhitespace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d

/** Where the string ends that begins at this quote. */
const endOfString = (json: Uint8Array, start: number): number => {
  let index = start + 1
  while (index < json.length && json[index] !== quote) index += json[index] === backslash ? 2 : 1
  return index
}

/** A key may be spelled with escapes. */
const keyBetween = (json: Uint8Array, start: number, end: number): string => {
  const spelled = Buffer.from(json.buffer, json.byteOffset + start, end - start).toString("utf8")
  return spelled.includes("\\") ? String(JSON.parse(`"${spelled}"`)) : spelled
}

const trimmed = (json: Uint8Array, from: number, to: number): Uint8Array => {
  let start = from
  let end = to
  while (isWhitespace(json[start])) start += 1
  while (isWhitespace(json[end - 1])) end -= 1
  return json.subarray(start, end)
}

/**
 * The values of the members, without the whitespace around them; of several with one name the last, as `JSON.parse` has it.
 * @param json a valid JSON text, UTF-8
 * @returns views of `json` in the order of the names; `undefined` where it is no object or has no such member
 */
export const jsonMembers = <const Names extends ReadonlyArray<string>>(
  json: Uint8Array,
  names: Names
): { readonly [_ in keyof Names]: Uint8Array | undefined } => {
  const found = names.map((): Uint8Array | undefined => undefined)
  let depth = 0
  let keyStart = 0
  let keyEnd = 0
  /** Which of the names the value at hand belongs to; −1 for none. */
  let wanted = -1
  let valueStart = 0
  for (let index = 0; index < json.length; index++) {
    const byte = json[index] ?? 0
    if (byte === quote) {
      const end = endOfString(json, index)
      if (depth === 1) {
        keyStart = index + 1
        keyEnd = end
      }
      index = end
    } else if (isOpening(byte)) {
      depth += 1
    } else if (byte === colon) {
      if (depth === 1) {
        wanted = names.indexOf(keyBetween(json, keyStart, keyEnd))
        valueStart = index + 1
      }
    } else if (byte === comma || isClosing(byte)) {
      if (depth === 1 && wanted >= 0) {
        found[wanted] = trimmed(json, valueStart, index)
        wanted = -1
      }
      if (byte !== comma) depth -= 1
    }
  }
  return found as { readonly [_ in keyof Names]: Uint8Array | undefined }
}
