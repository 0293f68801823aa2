/** The guests whom one more order would give a tag. */
import type { TagRule } from "@metka/cdm/rules"
import type { ListedGuest } from "../GuestList.ts"
import { isLimited, type LastOrderSpan } from "../LastOrder.ts"
import { askedText, capitalized, counted, lastOrdered, number } from "../words.ts"
import { type GuestListProps, GuestTable, lastOrderColumn } from "./GuestTable.tsx"
import { LastOrderForm } from "./LastOrderForm.tsx"
import { Layout } from "./Layout.tsx"
import { audiencePath, nearCsvPath, nearPath } from "./paths.ts"

export const nearTitle = (tag: string): string => `${tag}: one order short`

/** How many orders all of them have. */
const countText = ({ threshold, window }: TagRule): string =>
  `${number(threshold)} ${window === undefined ? "now" : `within the last ${counted(window.days, "day", "days")}`}`

const nearText = (rule: TagRule, total: number, span: LastOrderSpan, timeZone: string): string => {
  if (isLimited(span)) {
    const guests = `${counted(total, "guest", "guests")} with ${countText(rule)}, one order short,`
    return `${guests} ${lastOrdered(span)}, in ${timeZone}.`
  }
  return total === 0
    ? "No guest is one order short now."
    : `${counted(total, "guest has", "guests have")} ${countText(rule)}, one order short.`
}

export const NearPage = ({ members, page, rule, span, timeZone, total }: GuestListProps<ListedGuest>) => (
  <Layout title={nearTitle(rule.tag)} place="/audiences">
    <p>
      {capitalized(askedText(rule, rule.categoryName))} (version {rule.version}).{" "}
      {nearText(rule, total, span, timeZone)} {total > 0 && <a href={nearCsvPath(rule.tag, span)}>Their ids as CSV</a>}
    </p>
    <p>
      <a href={audiencePath(rule.tag, span)}>Who has the tag</a>
    </p>
    {(total > 0 || isLimited(span)) && (
      <LastOrderForm action="/near" tag={rule.tag} span={span} everybody={nearPath(rule.tag)} />
    )}
    <GuestTable
      tag={rule.tag}
      members={members}
      total={total}
      page={page}
      path={(other) => nearPath(rule.tag, span, other)}
      // All of them have as many orders of the category as the sentence above says.
      columns={[lastOrderColumn(timeZone)]}
    />
  </Layout>
)
