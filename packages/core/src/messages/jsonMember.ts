/** The bytes that spell a member of a JSON object, as they stand there: nothing is parsed and written anew. */

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
const spells = (json: Uint8Array, start: number, end: number, name: string): boolean => {
  const key = Buffer.from(json.buffer, json.byteOffset + start, end - start).toString("utf8")
  return key === name || (key.includes("\\") && JSON.parse(`"${key}"`) === name)
}

const trimmed = (json: Uint8Array, from: number, to: number): Uint8Array => {
  let start = from
  let end = to
  while (isWhitespace(json[start])) start += 1
  while (isWhitespace(json[end - 1])) end -= 1
  return json.subarray(start, end)
}

/**
 * The value of the member, without the whitespace around it; of several the last, as `JSON.parse` has it.
 * @param json a valid JSON text, UTF-8
 * @returns a view of `json`; `undefined` where it is no object or has no such member
 */
export const jsonMember = (json: Uint8Array, name: string): Uint8Array | undefined => {
  let found: Uint8Array | undefined
  let depth = 0
  let keyStart = 0
  let keyEnd = 0
  /** Where the value begins, when it is the member's. */
  let valueStart: number | undefined
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
      if (depth === 1 && spells(json, keyStart, keyEnd, name)) valueStart = index + 1
    } else if (byte === comma || isClosing(byte)) {
      if (depth === 1 && valueStart !== undefined) {
        found = trimmed(json, valueStart, index)
        valueStart = undefined
      }
      if (byte !== comma) depth -= 1
    }
  }
  return found
}
