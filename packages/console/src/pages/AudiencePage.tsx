/** The guests with a tag. */
import type { TagRule } from "@metka/cdm/rules"
import type { Member } from "../Audiences.ts"
import { isLimited, type LastOrderSpan } from "../LastOrder.ts"
import { timeIn } from "../TimeZone.ts"
import { askedText, capitalized, counted, lastOrdered, number, withinDays } from "../words.ts"
import { type GuestListProps, GuestTable, lastOrderColumn } from "./GuestTable.tsx"
import { LastOrderForm } from "./LastOrderForm.tsx"
import { Layout } from "./Layout.tsx"
import { WindowHint } from "./WindowHint.tsx"
import { audienceCsvPath, audiencePath, nearPath } from "./paths.ts"

const audienceText = (total: number, span: LastOrderSpan, timeZone: string): string => {
  if (isLimited(span)) {
    return `${counted(total, "guest", "guests")} with the tag ${lastOrdered(span)}, in ${timeZone}.`
  }
  return total === 0 ? "No guest has the tag now." : `${counted(total, "guest has", "guests have")} the tag now.`
}

const countHeading = ({ categoryName, window }: TagRule): string =>
  `Orders with «${categoryName}»${window === undefined ? "" : ` ${withinDays(window)}`}`

export const AudiencePage = ({ members, page, rule, span, timeZone, total }: GuestListProps<Member>) => {
  const time = timeIn(timeZone)
  return (
    <Layout title={rule.tag} place="/audiences">
      <p>
        {capitalized(askedText(rule, rule.categoryName))} (version {rule.version}).{" "}
        {audienceText(total, span, timeZone)}{" "}
        {total > 0 && <a href={audienceCsvPath(rule.tag, span)}>Their ids as CSV</a>}
      </p>
      <p>
        <a href={nearPath(rule.tag, span)}>Who is one order short</a>
      </p>
      {rule.window !== undefined && <WindowHint />}
      {(total > 0 || isLimited(span)) && (
        <LastOrderForm action="/audience" tag={rule.tag} span={span} everybody={audiencePath(rule.tag)} />
      )}
      <GuestTable
        tag={rule.tag}
        members={members}
        total={total}
        page={page}
        path={(other) => audiencePath(rule.tag, span, other)}
        columns={[
          {
            heading: countHeading(rule),
            kind: "number",
            text: ({ orderCount }) => number(orderCount)
          },
          { heading: `Given, ${timeZone}`, kind: "time", text: ({ givenAt }) => time(givenAt), isMinor: true },
          lastOrderColumn(timeZone)
        ]}
      />
    </Layout>
  )
}
