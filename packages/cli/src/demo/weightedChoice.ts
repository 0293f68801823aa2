/** Choosing an index with a probability proportional to its weight. */
import type { Random } from "./Random.ts"

/** Draws an index of the weights it was made from. */
export type WeightedChoice = (random: Random) => number

/** Sums the weights once, so that each draw is a binary search. The weights are ≥ 0 and not all 0. */
export const makeWeightedChoice = (weights: ArrayLike<number>): WeightedChoice => {
  const cumulative = new Float64Array(weights.length)
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    total += weights[i] ?? 0
    cumulative[i] = total
  }
  return (random) => {
    const target = random.next() * total
    let low = 0
    let high = cumulative.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((cumulative[middle] ?? 0) > target) high = middle
      else low = middle + 1
    }
    return low
  }
}

/**
 * Weights after Zipf and Mandelbrot: the guest (or dish) of rank r weighs 1 / (r + flatness)^exponent.
 * @param flatness how many of the first ranks are about alike
 */
export const zipfWeight = (rank: number, exponent: number, flatness: number): number =>
  (rank + 1 + flatness) ** -exponent
