/** Ledger, counter and tag are written in one transaction: where they differ something has gone wrong. */
import type { TagReason } from "./TagReasons.ts"

const isDue = ({ orderCount, retiredAt, threshold }: TagReason): boolean => retiredAt === null && orderCount > threshold

/** A sentence about each of the differences. */
export const doubtsOf = (reason: TagReason): ReadonlyArray<string> => [
  ...(reason.orderCount === reason.orderTotal
    ? []
    : [
        `The counter says ${reason.orderCount}, the ledger has ${reason.orderTotal}: npx metka verify tells what is wrong.`
      ]),
  ...(reason.isHeld === isDue(reason)
    ? []
    : [`The guest ${reason.isHeld ? "has it all the same" : "should have it"}: npx metka verify tells what is wrong.`])
]
