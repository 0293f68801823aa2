/** Why a guest has a tag, as text for a marketer. */
import type { TagEvent, TagReason, TagReasons } from "./TagReasons.ts"
import { printable, tableLines } from "./terminal.ts"

const orders = (count: number): string => `${count} ${count === 1 ? "order" : "orders"}`

const ruleText = ({ categoryName, orderCount, ruleVersion, threshold }: TagReason): string =>
  `more than ${orders(threshold)} with «${printable(categoryName)}» (rule ${ruleVersion}); the guest has ${orderCount}`

const orderLines = ({ orders, orderTotal }: TagReason): ReadonlyArray<string> => {
  if (orders.length === 0) return []
  const rows = orders.map(({ date, dishes, orderId }) => [orderId, date ?? "no date", dishes.map(printable).join(", ")])
  const left = orderTotal - orders.length
  return [
    ...tableLines([["order", "date", "dishes"], ...rows]),
    ...(left > 0 ? [`… and ${left} more: --limit ${orderTotal} lists them.`] : [])
  ]
}

const eventLine = ({ action, at, orderCount, ruleVersion }: TagEvent): string =>
  `${action} ${at} with ${orders(orderCount)} (rule ${ruleVersion})`

/** The ledger and the counter are written in one transaction. */
const doubtLines = ({ orderCount, orderTotal }: TagReason): ReadonlyArray<string> =>
  orderCount === orderTotal
    ? []
    : [`The counter says ${orderCount}, the ledger has ${orderTotal}: npx metka verify tells what is wrong.`]

const reasonLines = (reason: TagReason): ReadonlyArray<string> => [
  "",
  `«${printable(reason.tag)}»: ${reason.isHeld ? "" : "not given, "}${ruleText(reason)}`,
  ...[...orderLines(reason), ...doubtLines(reason), ...reason.events.map(eventLine)].map((line) => `  ${line}`)
]

const notGivenLines = (tags: ReadonlyArray<TagReason>): ReadonlyArray<string> =>
  tags.length === 0
    ? []
    : ["", "Not given:", ...tags.map((reason) => `  «${printable(reason.tag)}»: ${ruleText(reason)}`)]

/** @param isAsked whether it was asked for one tag: then its orders are told also when the guest does not have it */
export const tagReasonsText = ({ guestId, tags }: TagReasons, timeZone: string, isAsked: boolean): string => {
  const held = tags.filter(({ isHeld }) => isHeld)
  const told = isAsked ? tags : held
  const count = held.length === 0 ? "no tag" : held.length === 1 ? "1 tag" : `${held.length} tags`
  return [
    `Guest ${printable(guestId)}${isAsked ? "" : ` has ${count}`}, times in ${timeZone}`,
    ...told.flatMap(reasonLines),
    ...(isAsked ? [] : notGivenLines(tags.filter(({ isHeld }) => !isHeld)))
  ].join("\n")
}
