/** What a person wants to know after a load, as text. */
import type { Counts, Ranked } from "@metka/console/Counts"
import { number } from "@metka/console/words"

const rows = (title: string, unit: string, ranked: ReadonlyArray<Ranked>): ReadonlyArray<string> => {
  if (ranked.length === 0) return []
  const width = Math.max(...ranked.map(({ name }) => name.length))
  return [
    "",
    `  ${title}`,
    ...ranked.map(({ count, name }) => `    ${name.padEnd(width)}  ${number(count).padStart(8)} ${unit}`)
  ]
}

export const summary = (counts: Counts): string =>
  [
    "",
    `  ${number(counts.orders)} orders, ${number(counts.closed)} of them CLOSED and not empty, ` +
      `by ${number(counts.guests)} guests`,
    ...(counts.parked > 0
      ? [`  ${number(counts.parked)} wait for a guest, restaurant or dish that Redis does not know`]
      : []),
    ...(counts.deadLetters > 0 ? [`  ${number(counts.deadLetters)} messages in the dead letters`] : []),
    ...rows("Top dishes", "orders", counts.dishes),
    ...rows("Top categories", "orders", counts.categories),
    ...rows("Guests by tag", "guests", counts.tags),
    ""
  ].join("\n")
