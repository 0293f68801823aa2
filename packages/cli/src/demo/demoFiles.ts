/** The two files that `metka demo-data` writes: JSON lines that `metka references load` and `metka load` read. */
import type { DemoWeek } from "./demoWeek.ts"

/** The lines of `references.jsonl`, without line ends: guests, then restaurants (with a `menu`), a document each. */
export function* referenceLines({ references }: DemoWeek): Generator<string> {
  for (const user of references.users) yield JSON.stringify(user)
  for (const restaurant of references.restaurants) yield JSON.stringify(restaurant)
}

/** The lines of `orders.jsonl`, without line ends: an order message each, by `sent_dttm`. */
export function* orderLines({ messages }: DemoWeek): Generator<string> {
  for (const message of messages) yield message.value
}

/** The files by name, each with its lines. */
export const demoFiles = (week: DemoWeek): Readonly<Record<"references.jsonl" | "orders.jsonl", Iterable<string>>> => ({
  "references.jsonl": { [Symbol.iterator]: () => referenceLines(week) },
  "orders.jsonl": { [Symbol.iterator]: () => orderLines(week) }
})
