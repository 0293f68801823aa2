/**
 * Ledger, counter and tag are written in one transaction: where they differ something has gone wrong. And an order counts
 * as it was, though it may have been cancelled since, while its newest version waits.
 */
import type { TagReason } from "./TagReasons.ts"

const isDue = ({ orderCount, retiredAt, threshold, window }: TagReason): boolean =>
  retiredAt === null && (window?.isMet ?? orderCount > threshold)

const waitingText = ({ orders }: TagReason): ReadonlyArray<string> => {
  const waiting = orders.filter(({ hasNewerWaiting }) => hasNewerWaiting).map(({ orderId }) => orderId)
  return waiting.length === 0
    ? []
    : [
        `Of ${waiting.join(", ")} a newer version waits for a reference, and what it changes does not count yet: npx metka parked tells what is missing.`
      ]
}

/** A sentence about each of the differences. */
export const doubtsOf = (reason: TagReason): ReadonlyArray<string> => [
  ...(reason.orderCount === reason.orderTotal
    ? []
    : [
        `The counter says ${reason.orderCount}, the ledger has ${reason.orderTotal}: npx metka verify tells what is wrong.`
      ]),
  ...(reason.isHeld === isDue(reason)
    ? []
    : [`The guest ${reason.isHeld ? "has it all the same" : "should have it"}: npx metka verify tells what is wrong.`]),
  ...waitingText(reason)
]
