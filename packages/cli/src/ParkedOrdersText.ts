/** The orders that wait for a reference, for a terminal. */
import type { ParkedOrders } from "@metka/console/ParkedOrders"
import { moreLines, number, printable, tableLines, timeText } from "./terminal.ts"

const named = (kind: string, ids: ReadonlyArray<string>): ReadonlyArray<string> =>
  ids.map((id) => `${kind} ${printable(id)}`)

const missingText = ({ dishes, guests, restaurants }: ParkedOrders["oldest"][number]["missing"]): string =>
  [...named("guest", guests), ...named("restaurant", restaurants), ...named("dish", dishes)].join(", ")

const columns = ["order", "since", "attempts", "next attempt", "missing"]

export const parkedText = ({ oldest, total }: ParkedOrders): string => {
  if (oldest.length === 0) return "No order waits for a guest, restaurant or dish."
  const rows = [
    columns,
    ...oldest.map(({ attempts, missing, nextAttempt, orderId, since }) => [
      orderId,
      timeText(since),
      number.format(attempts),
      timeText(nextAttempt),
      missingText(missing)
    ])
  ]
  return [
    ...tableLines(rows),
    ...moreLines(oldest.length, total),
    "",
    "Load what is missing: npx metka references load FILE. The orders go on within a minute."
  ].join("\n")
}
