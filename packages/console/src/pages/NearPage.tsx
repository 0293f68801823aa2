/** The guests whom one more order would give a tag. */
import type { TagRule } from "@metka/cdm/rules"
import type { ListedGuest } from "../GuestList.ts"
import { counted, number, ordersWith } from "../words.ts"
import { GuestTable } from "./GuestTable.tsx"
import { Layout } from "./Layout.tsx"
import { audiencePath, nearCsvPath, nearPath } from "./paths.ts"

export const nearTitle = (tag: string): string => `${tag}: one order short`

export const NearPage = ({
  members,
  page,
  rule,
  total
}: {
  readonly rule: TagRule
  readonly members: ReadonlyArray<ListedGuest>
  readonly total: number
  readonly page: number
}) => (
  <Layout title={nearTitle(rule.tag)} place="/audiences">
    <p>
      More than {ordersWith(rule.threshold, rule.categoryName)} (version {rule.version}).{" "}
      {total === 0
        ? "No guest is one order short now."
        : `${counted(total, "guest has", "guests have")} ${number(rule.threshold)} now, one order short.`}{" "}
      {total > 0 && <a href={nearCsvPath(rule.tag)}>Their ids as CSV</a>}
    </p>
    <p>
      <a href={audiencePath(rule.tag)}>Who has the tag</a>
    </p>
    <GuestTable
      tag={rule.tag}
      members={members}
      total={total}
      page={page}
      path={(other) => nearPath(rule.tag, other)}
      // All of them have as many orders as the sentence above says.
      columns={[]}
    />
  </Layout>
)
