/** Chance that comes out the same for the same seed, on every machine. */
export interface Random {
  /** From 0 (included) to 1 (excluded). */
  readonly next: () => number
  /** A whole number from 0 to `below - 1`. */
  readonly below: (below: number) => number
  readonly chance: (share: number) => boolean
  /** One of the items; there must be at least one. */
  readonly pick: <A>(items: ReadonlyArray<A>) => A
}

/** mulberry32: 32 bits of state, good enough to stir a test, and short enough to see through. */
export const seededRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    next,
    below,
    chance: (share) => next() < share,
    pick: (items) => {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError("nothing to pick from")
      return item
    }
  }
}

/** The items in an order of `random`'s (Fisher–Yates); the array itself stays as it is. */
export const shuffled = <A>(random: Random, items: ReadonlyArray<A>): Array<A> => {
  const rest = [...items]
  const result: Array<A> = []
  while (rest.length > 0) {
    const at = random.below(rest.length)
    const last = rest.pop()
    if (last === undefined) break
    const chosen = rest[at]
    if (at === rest.length || chosen === undefined) result.push(last)
    else {
      result.push(chosen)
      rest[at] = last
    }
  }
  return result
}

/** The items in the order of the seed; the array itself stays as it is. */
export const shuffle = <A>(seed: number, items: ReadonlyArray<A>): Array<A> => shuffled(seededRandom(seed), items)
