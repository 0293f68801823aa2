/** Why a guest has a tag, as text for a marketer. */
import { doubtsOf } from "@metka/console/doubts"
import type { TagReason, TagReasons } from "@metka/console/TagReasons"
import { timeIn } from "@metka/console/TimeZone"
import { noRules } from "@metka/console/UnknownTag"
import {
  askedText,
  counted,
  decisiveCount,
  eventText,
  isCountedText,
  staysText,
  withinText
} from "@metka/console/words"
import { moreLines, printable, tableLines } from "./terminal.ts"

type Time = (at: Date) => string

const stateText = ({ isHeld, retiredAt }: TagReason, time: Time): string =>
  retiredAt === null ? (isHeld ? "" : "not given, ") : `retired ${time(retiredAt)}, it was `

const countText = (reason: TagReason, time: Time): string =>
  reason.isCategoryKnown
    ? `the guest has ${decisiveCount(reason)}${withinText(reason, time)}`
    : "no guest has ordered from this category yet: is it spelled as in the menus?"

const ruleText = (reason: TagReason, time: Time): string =>
  `${askedText(reason, printable(reason.categoryName))} (version ${reason.ruleVersion}); ${countText(reason, time)}`

const orderLines = ({ orders, orderTotal, window }: TagReason, time: Time): ReadonlyArray<string> => {
  if (orders.length === 0) return []
  const ofWindow = (text: string) => (window === null ? [] : [text])
  const rows = orders.map((order) => [
    printable(order.orderId),
    order.date === null ? "no date" : time(order.date),
    ...ofWindow(isCountedText(order)),
    order.dishes.map(printable).join(", ")
  ])
  const heading = ["order", "date", ...ofWindow("counts"), "dishes"]
  return [...tableLines([heading, ...rows]), ...moreLines(orders.length, orderTotal)]
}

const indented = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.map((line) => `  ${line}`)

const reasonLines = (reason: TagReason, time: Time): ReadonlyArray<string> => [
  "",
  `«${printable(reason.tag)}»: ${stateText(reason, time)}${ruleText(reason, time)}`,
  ...indented([
    ...staysText(reason),
    ...orderLines(reason, time),
    ...doubtsOf(reason),
    ...reason.events.map((event) => printable(eventText(event, time)))
  ])
]

const notGivenLines = (tags: ReadonlyArray<TagReason>, time: Time): ReadonlyArray<string> =>
  tags.length === 0
    ? []
    : [
        "",
        "Not given:",
        ...indented(
          tags.flatMap((reason) => [
            `«${printable(reason.tag)}»: ${ruleText(reason, time)}`,
            ...indented(doubtsOf(reason))
          ])
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
    ...notGivenLines(others, time),
    ...(tags.length === 0 ? ["", `${noRules}.`] : []),
    ...pastLines(pastTags, time)
  ].join("\n")
}
