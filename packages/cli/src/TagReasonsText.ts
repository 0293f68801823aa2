/** Why a guest has a tag, as text for a marketer. */
import { doubtsOf } from "@metka/console/doubts"
import type { TagReason, TagReasons } from "@metka/console/TagReasons"
import { timeIn } from "@metka/console/TimeZone"
import { noRules } from "@metka/console/UnknownTag"
import { counted, eventText, ordersWith } from "@metka/console/words"
import { moreLines, printable, tableLines } from "./terminal.ts"

type Time = (at: Date) => string

const stateText = ({ isHeld, retiredAt }: TagReason, time: Time): string =>
  retiredAt === null ? (isHeld ? "" : "not given, ") : `retired ${time(retiredAt)}, it was `

const countText = ({ isCategoryKnown, orderCount }: TagReason): string =>
  isCategoryKnown
    ? `the guest has ${orderCount}`
    : "no guest has ordered from this category yet: is it spelled as in the menus?"

const ruleText = (reason: TagReason): string =>
  `more than ${ordersWith(reason.threshold, printable(reason.categoryName))} ` +
  `(version ${reason.ruleVersion}); ${countText(reason)}`

const orderLines = ({ orders, orderTotal }: TagReason, time: Time): ReadonlyArray<string> => {
  if (orders.length === 0) return []
  const rows = orders.map(({ date, dishes, orderId }) => [
    printable(orderId),
    date === null ? "no date" : time(date),
    dishes.map(printable).join(", ")
  ])
  return [...tableLines([["order", "date", "dishes"], ...rows]), ...moreLines(orders.length, orderTotal)]
}

const indented = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.map((line) => `  ${line}`)

const reasonLines = (reason: TagReason, time: Time): ReadonlyArray<string> => [
  "",
  `«${printable(reason.tag)}»: ${stateText(reason, time)}${ruleText(reason)}`,
  ...indented([
    ...orderLines(reason, time),
    ...doubtsOf(reason),
    ...reason.events.map((event) => printable(eventText(event, time)))
  ])
]

const notGivenLines = (tags: ReadonlyArray<TagReason>): ReadonlyArray<string> =>
  tags.length === 0
    ? []
    : [
        "",
        "Not given:",
        ...indented(
          tags.flatMap((reason) => [`«${printable(reason.tag)}»: ${ruleText(reason)}`, ...indented(doubtsOf(reason))])
        )
      ]

const pastLines = (pastTags: TagReasons["pastTags"], time: Time): ReadonlyArray<string> =>
  pastTags.length === 0
    ? []
    : [
        "",
        "Of rules that are retired:",
        ...indented(pastTags.map(({ last, tag }) => printable(`«${tag}»: ${eventText(last, time)}`)))
      ]

const tagCountText = (count: number): string => (count === 0 ? "no tag" : counted(count, "tag", "tags"))

/** @param isAsked whether it was asked for one tag: then its orders are told also when the guest does not have it */
export const tagReasonsText = ({ guest, pastTags, tags, timeZone }: TagReasons, isAsked: boolean): string => {
  const time = timeIn(timeZone)
  const held = tags.filter(({ isHeld }) => isHeld)
  const others = isAsked ? [] : tags.filter(({ isHeld }) => !isHeld)
  return [
    `Guest ${printable(guest)}${isAsked ? "" : ` has ${tagCountText(held.length)}`}, times in ${timeZone}`,
    ...(isAsked ? tags : held).flatMap((reason) => reasonLines(reason, time)),
    ...notGivenLines(others),
    ...(tags.length === 0 ? ["", `${noRules}.`] : []),
    ...pastLines(pastTags, time)
  ].join("\n")
}
