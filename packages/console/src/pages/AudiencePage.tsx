/** The guests with a tag. */
import type { TagRule } from "@metka/cdm/rules"
import type { Member } from "../Audiences.ts"
import { timeIn } from "../TimeZone.ts"
import { counted, number, ordersWith } from "../words.ts"
import { GuestTable } from "./GuestTable.tsx"
import { Layout } from "./Layout.tsx"
import { audienceCsvPath, audiencePath, nearPath } from "./paths.ts"

export const AudiencePage = ({
  members,
  page,
  rule,
  timeZone,
  total
}: {
  readonly rule: TagRule
  readonly members: ReadonlyArray<Member>
  readonly total: number
  readonly page: number
  readonly timeZone: string
}) => {
  const time = timeIn(timeZone)
  return (
    <Layout title={rule.tag} place="/audiences">
      <p>
        More than {ordersWith(rule.threshold, rule.categoryName)} (version {rule.version}).{" "}
        {total === 0 ? "No guest has the tag now." : `${counted(total, "guest has", "guests have")} the tag now.`}{" "}
        {total > 0 && <a href={audienceCsvPath(rule.tag)}>Their ids as CSV</a>}
      </p>
      <p>
        <a href={nearPath(rule.tag)}>Who is one order short</a>
      </p>
      <GuestTable
        tag={rule.tag}
        members={members}
        total={total}
        page={page}
        path={(other) => audiencePath(rule.tag, other)}
        columns={[
          {
            heading: `Orders with «${rule.categoryName}»`,
            kind: "number",
            text: ({ orderCount }) => number(orderCount)
          },
          { heading: `Given, ${timeZone}`, kind: "time", text: ({ givenAt }) => time(givenAt) }
        ]}
      />
    </Layout>
  )
}
