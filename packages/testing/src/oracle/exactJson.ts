/**
 * Looks at the *text* of a JSON document, which `JSON.parse` throws away. Every function here expects a text that
 * `JSON.parse` has accepted, and walks it without recursion, so that deep nesting is no matter.
 */

const isSpace = (character: string | undefined) =>
  character === " " || character === "\t" || character === "\n" || character === "\r"

const skipSpace = (text: string, from: number) => {
  let at = from
  while (isSpace(text[at])) at++
  return at
}

/** The index after the closing quote of the string whose opening quote is at `from`. */
const endOfString = (text: string, from: number) => {
  let at = from + 1
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1
  return at + 1
}

/** The index after the value that begins at `from`. */
const endOfValue = (text: string, from: number) => {
  let depth = 0
  let at = from
  while (at < text.length) {
    const character = text[at]
    if (character === '"') {
      at = endOfString(text, at)
      if (depth === 0) return at
      continue
    }
    if (character === "{" || character === "[") depth++
    else if (character === "}" || character === "]") {
      // Closing the parent: the value was a number or a literal and ended just before.
      if (depth === 0) return at
      depth--
      if (depth === 0) return at + 1
    } else if (depth === 0 && (character === "," || isSpace(character))) return at
    at++
  }
  return at
}

/**
 * The exact text, without the space around it, of the member `name` of a JSON object; of the last one when the name
 * occurs more than once. `undefined` when the document is not an object or has no such member.
 */
export const memberText = (text: string, name: string): string | undefined => {
  let found: string | undefined
  let at = skipSpace(text, 0)
  if (text[at] !== "{") return undefined
  at = skipSpace(text, at + 1)
  while (at < text.length && text[at] !== "}") {
    const nameEnd = endOfString(text, at)
    const key: unknown = JSON.parse(text.slice(at, nameEnd))
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const end = endOfValue(text, start)
    if (key === name) found = text.slice(start, end)
    at = skipSpace(text, end)
    if (text[at] === ",") at = skipSpace(text, at + 1)
  }
  return found
}

/**
 * Whether any string of the document, names of members included, holds what PostgreSQL cannot store: U+0000 or half of
 * a surrogate pair. Also in a member that a later one of the same name hides, as the text is what STG stores.
 */
export const holdsUnstorableText = (text: string): boolean => {
  if (!text.isWellFormed()) return true
  // JSON allows neither of the two unescaped, now that the text itself is well formed.
  if (!text.includes("\\u")) return false
  let at = text.indexOf('"')
  while (at !== -1) {
    const end = endOfString(text, at)
    const token = text.slice(at, end)
    const string: unknown = token.includes("\\u") ? JSON.parse(token) : ""
    if (typeof string === "string" && (string.includes("\0") || !string.isWellFormed())) return true
    at = text.indexOf('"', end)
  }
  return false
}
