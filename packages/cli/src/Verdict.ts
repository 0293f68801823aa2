/** What the auditor found, as text: the table of checks first, then what differs, by what to do about it. */
import { counted, number } from "@metka/console/words"
import { checks, type Difference, remedies, type Remedy, tablesOf } from "@metka/audit/Difference"
import type { Orders, Verdict } from "@metka/audit/Verify"

const orderLine = (orders: Orders): string =>
  [
    counted(orders.total, "order", "orders"),
    ...(orders.inFlight > 0 ? [`${number(orders.inFlight)} in flight`] : []),
    ...(orders.parked > 0 ? [`${number(orders.parked)} parked`] : []),
    ...(orders.deadLetters > 0 ? [`${number(orders.deadLetters)} in the dead letters`] : []),
    ...(orders.withoutStg > 0 ? [`${number(orders.withoutStg)} known from the inner topics alone`] : [])
  ].join(" · ")

const widest = Math.max(...Object.values(tablesOf).map((table) => table.length))

const checkLine = ({ differences, name }: Verdict["checks"][number]): string =>
  `  ${differences === 0 ? "ok" : number(differences)}`.padEnd(10) + `${tablesOf[name].padEnd(widest)}  ${checks[name]}`

const differenceLines = ({ is, order, shouldBe, table, what }: Difference): ReadonlyArray<string> => [
  `  ${order === null ? "no order" : order.includes(",") ? `orders ${order}` : `order ${order}`} · ${table} · ${what}`,
  `      is         ${is}`,
  `      should be  ${shouldBe}`
]

const remedyLines = (remedy: Remedy, differences: ReadonlyArray<Difference>): ReadonlyArray<string> => [
  "",
  `To mend these: ${remedies[remedy]}`,
  ...differences.flatMap(differenceLines)
]

/** These orders are in STG; what DDS or CDM took from it was refused. */
const deadLetterLines = ({ deadLetters }: Orders): ReadonlyArray<string> =>
  deadLetters === 0
    ? []
    : [
        "",
        "Of the orders in the dead letters, `npx metka dead-letters list --closed` says why. Once the cause is mended,",
        "`npx metka republish` sends them again, and `npx metka dead-letters close` takes them from that list."
      ]

/** No difference, and yet not all that came was used. */
const openLetterLines = ({ openDeadLetters }: Verdict): ReadonlyArray<string> =>
  openDeadLetters === 0
    ? []
    : [
        "",
        `${counted(openDeadLetters, "message is", "messages are")} open among the dead letters: \`npx metka dead-letters list\` says why. ` +
          "Mend the cause, then replay or close them."
      ]

/** The verdict for a terminal. */
export const verdictText = (verdict: Verdict, seconds: number): string => {
  const byRemedy = Map.groupBy(verdict.differences, ({ remedy }) => remedy)
  const left = verdict.total - verdict.differences.length
  return [
    "",
    `  ${orderLine(verdict.orders)} · looked at in ${seconds.toFixed(1)} s`,
    "",
    ...verdict.checks.map(checkLine),
    ...[...byRemedy].flatMap(([remedy, differences]) => remedyLines(remedy, differences)),
    ...deadLetterLines(verdict.orders),
    ...openLetterLines(verdict),
    ...(left > 0 ? ["", `… and ${counted(left, "difference", "differences")} more: --all lists them.`] : []),
    ""
  ].join("\n")
}

/** No difference: of what a message had to say nothing need be left. */
export const leftNothingText = (messages: number): ReadonlyArray<string> =>
  messages === 0
    ? []
    : [
        `STG's committed offsets are ${counted(messages, "message", "messages")} past the newest that its tables know. ` +
          "Older versions, what was sent again and markers of transactions leave nothing there. But if PostgreSQL " +
          "was brought back from a copy of its disk, orders are missing: have the orders read anew, as Operation in " +
          "README.md says."
      ]
