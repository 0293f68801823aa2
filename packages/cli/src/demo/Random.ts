/**
 * Seeded random numbers (sfc32, 128 bits of state): the same seed and purpose give the same numbers on every machine.
 * Each purpose has a stream of its own, so that drawing more for one thing changes nothing of another.
 */

/** Numbers from one stream. */
export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  readonly next: () => number
  /** A whole number from `min` to `max`, both included. */
  readonly int: (min: number, max: number) => number
  /** True with the given probability. */
  readonly chance: (probability: number) => boolean
  /** One of the items, each as likely. The list must not be empty. */
  readonly pick: <A>(items: ReadonlyArray<A>) => A
}

/** FNV-1a, 32 bits. */
const hashText = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Mixes two whole numbers to 32 well-spread bits (the finalizer of MurmurHash3). */
export const mix = (a: number, b: number): number => {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b ^ 0x7f4a7c15, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * A stream of random numbers.
 * @param seed any number; different seeds give different streams
 * @param purpose what the numbers are for
 */
export const makeRandom = (seed: number, purpose: string): Random => {
  let a = hashText(`${seed}`)
  let b = hashText(purpose)
  let c = hashText(`${purpose}/${seed}`)
  let counter = 1
  const next32 = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  // The first numbers of sfc32 still resemble its seed.
  for (let i = 0; i < 15; i++) next32()
  const next = () => next32() / 0x1_0000_0000
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[int(0, items.length - 1)]
      if (item === undefined) throw new RangeError("nothing to pick from")
      return item
    }
  }
}

/** The numbers from 0 to `length - 1` in random order (Fisher–Yates). */
export const permutation = (random: Random, length: number): Uint32Array => {
  const order = Uint32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = random.int(0, i)
    const held = order[i] ?? 0
    order[i] = order[j] ?? 0
    order[j] = held
  }
  return order
}
