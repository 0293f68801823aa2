/** When people order: lunch and dinner peaks, late breakfasts and more of everything at the weekend, by Moscow time. */

const hour = 3_600_000
const slot = hour / 4
const slotsAWeek = 7 * 24 * 4

/** Moscow keeps UTC+3 all year. */
const moscowOffset = 3 * hour

/** Relative orders an hour, from midnight on. */
const weekday = [4, 2, 1, 1, 1, 2, 6, 16, 26, 28, 32, 60, 98, 104, 74, 44, 38, 48, 80, 108, 100, 68, 36, 14]
const weekend = [10, 6, 3, 2, 1, 2, 4, 9, 22, 42, 58, 72, 92, 104, 98, 84, 78, 88, 116, 138, 128, 94, 56, 26]
const busyFriday = 1.15

const atHour = (localHours: number): number => {
  const day = Math.floor(localHours / 24)
  // 1970-01-01 was a Thursday.
  const dayOfWeek = (((day + 3) % 7) + 7) % 7
  const value = (dayOfWeek >= 5 ? weekend : weekday)[localHours - day * 24] ?? 0
  return dayOfWeek === 4 ? value * busyFriday : value
}

/** Orders at a moment, relative, between the middles of the hours in a straight line. */
const intensity = (epochMs: number): number => {
  const local = (epochMs + moscowOffset) / hour - 0.5
  const before = Math.floor(local)
  const part = local - before
  return atHour(before) * (1 - part) + atHour(before + 1) * part
}

/**
 * Spreads orders over the seven days before a moment.
 * @param endsAt epoch milliseconds whose Moscow calendar sets the peaks
 * @returns for a share of the week's orders in [0, 1), how many whole milliseconds after the start it is reached
 */
export const weekRhythm = (endsAt: number): ((share: number) => number) => {
  const start = endsAt - slotsAWeek * slot
  const cumulative = new Float64Array(slotsAWeek + 1)
  for (let i = 0; i < slotsAWeek; i++) {
    cumulative[i + 1] = (cumulative[i] ?? 0) + intensity(start + (i + 0.5) * slot)
  }
  const total = cumulative[slotsAWeek] ?? 0
  return (share) => {
    const target = share * total
    let low = 0
    let high = slotsAWeek - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((cumulative[middle + 1] ?? 0) > target) high = middle
      else low = middle + 1
    }
    const from = cumulative[low] ?? 0
    const to = cumulative[low + 1] ?? from
    return Math.floor((low + (target - from) / (to - from)) * slot)
  }
}

/** The end whose peaks the week has when nothing else is asked for: a Sunday, 21:00 in Moscow. */
export const sundayEvening = Date.UTC(2023, 3, 9, 18)
