/** How deep JSON may nest. PostgreSQL's own limit depends on its stack; this one is the same everywhere. */

export const nestingLimit = 500

/** Whether a valid JSON text nests deeper than the limit. Only a text long enough for it is looked through. */
export const isTooDeep = (json: string): boolean => {
  if (json.length < nestingLimit * 2) return false
  let depth = 0
  let inString = false
  for (let index = 0; index < json.length; index++) {
    const character = json.charCodeAt(index)
    if (inString) {
      if (character === 0x5c) index += 1
      else if (character === 0x22) inString = false
    } else if (character === 0x22) {
      inString = true
    } else if (character === 0x5b || character === 0x7b) {
      depth += 1
      if (depth > nestingLimit) return true
    } else if (character === 0x5d || character === 0x7d) {
      depth -= 1
    }
  }
  return false
}
