/** Epoch milliseconds → `YYYY-MM-DD HH:MM:SS` in UTC. A week has few days, so their texts are made once. */

const day = 86_400_000
const days = new Map<number, string>()
const two = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, "0"))

const dayText = (dayNumber: number): string => {
  let text = days.get(dayNumber)
  if (text === undefined) {
    text = new Date(dayNumber * day).toISOString().slice(0, 10)
    days.set(dayNumber, text)
  }
  return text
}

/** The time as the app's messages write it; a fraction of a second is cut off. */
export const utcText = (epochMs: number): string => {
  const dayNumber = Math.floor(epochMs / day)
  const seconds = Math.floor((epochMs - dayNumber * day) / 1000)
  const minutes = Math.floor(seconds / 60)
  return `${dayText(dayNumber)} ${two[Math.floor(minutes / 60)]}:${two[minutes % 60]}:${two[seconds % 60]}`
}
