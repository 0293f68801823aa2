/** The guests with a tag. */
import type { TagRule } from "@metka/cdm/rules"
import type { Member } from "../Audiences.ts"
import { timeIn } from "../TimeZone.ts"
import { counted, number, ordersWith } from "../words.ts"
import { Layout } from "./Layout.tsx"
import { audienceCsvPath, audiencePath, guestPath } from "./paths.ts"

export const pageSize = 50

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
  const pages = Math.max(1, Math.ceil(total / pageSize))
  return (
    <Layout title={rule.tag} place="/audiences">
      <p>
        More than {ordersWith(rule.threshold, rule.categoryName)} (version {rule.version}).{" "}
        {total === 0 ? "No guest has the tag now." : `${counted(total, "guest has", "guests have")} the tag now.`}{" "}
        {total > 0 && <a href={audienceCsvPath(rule.tag)}>Their ids as CSV</a>}
      </p>
      {total > 0 && (
        <div class="wide">
          <table>
            <tr>
              <th>Guest</th>
              <th class="number">Orders with «{rule.categoryName}»</th>
              <th>Given, {timeZone}</th>
            </tr>
            {members.map(({ givenAt, guest, orderCount }) => (
              <tr key={guest}>
                <td>
                  <a href={guestPath(guest, { tag: rule.tag })}>{guest}</a>
                </td>
                <td class="number">{number(orderCount)}</td>
                <td class="time">{time(givenAt)}</td>
              </tr>
            ))}
          </table>
        </div>
      )}
      {pages > 1 && (
        <p>
          {page > 1 && <a href={audiencePath(rule.tag, Math.min(page - 1, pages))}>← before</a>} Page {number(page)} of{" "}
          {number(pages)} {page < pages && <a href={audiencePath(rule.tag, page + 1)}>after →</a>}
        </p>
      )}
    </Layout>
  )
}
