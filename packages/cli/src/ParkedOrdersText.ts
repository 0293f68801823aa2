/** The orders that wait for a reference, for a terminal. */
import { missingThings, type ParkedOrders } from "@metka/console/ParkedOrders"
import { number } from "@metka/console/words"
import { moreLines, printable, tableLines, timeText } from "./terminal.ts"

const columns = ["order", "since", "attempts", "next attempt", "missing"]

export const parkedText = ({ oldest, total }: ParkedOrders): string => {
  if (oldest.length === 0) return "No order waits for a guest, restaurant or dish."
  const rows = [
    columns,
    ...oldest.map(({ attempts, missing, nextAttempt, orderId, since }) => [
      orderId,
      timeText(since),
      number(attempts),
      timeText(nextAttempt),
      printable(missingThings({ missing }).join(", "))
    ])
  ]
  return [
    ...tableLines(rows),
    ...moreLines(oldest.length, total),
    "",
    "Load what is missing: npx metka references load FILE. The orders go on within a minute."
  ].join("\n")
}
