/** What orders name again and again: made once, and the very same value each time. */

/** So many are remembered of each kind; beyond it all are forgotten. */
const rememberedLimit = 20_000

/** Sets the value, and gives it back. */
export const remember = <Key, Value>(values: Map<Key, Value>, key: Key, value: Value): Value => {
  if (values.size >= rememberedLimit) values.clear()
  values.set(key, value)
  return value
}
