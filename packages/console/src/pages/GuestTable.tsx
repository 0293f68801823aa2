/** A page of a list of guests, each of whom leads to their orders. */
import type { TagRule } from "@metka/cdm/rules"
import type { ListedGuest } from "../GuestList.ts"
import type { LastOrderSpan } from "../LastOrder.ts"
import { timeIn } from "../TimeZone.ts"
import { number } from "../words.ts"
import { guestPath } from "./paths.ts"

export const pageSize = 50

/** What a page shows of a list of guests. */
export interface GuestListProps<Guest> {
  readonly rule: TagRule
  readonly members: ReadonlyArray<Guest>
  readonly span: LastOrderSpan
  /** Of the guests in the span. */
  readonly total: number
  readonly page: number
  readonly timeZone: string
}

interface Column<Guest> {
  readonly heading: string
  readonly kind: "number" | "time"
  readonly text: (guest: Guest) => string
  /** Left out on a phone. */
  readonly isMinor?: boolean
}

export const lastOrderColumn = (timeZone: string): Column<ListedGuest> => {
  const time = timeIn(timeZone)
  return {
    heading: `Last order, ${timeZone}`,
    kind: "time",
    text: ({ lastOrderAt }) => (lastOrderAt === null ? "no date" : time(lastOrderAt))
  }
}

const classOf = ({ isMinor = false, kind }: Pick<Column<ListedGuest>, "isMinor" | "kind">): string =>
  isMinor ? `${kind} minor` : kind

const Pager = ({ page, path, total }: Pick<GuestTableProps<ListedGuest>, "page" | "path" | "total">) => {
  const pages = Math.max(1, Math.ceil(total / pageSize))
  if (total > 0 && page > pages) {
    return (
      <p>
        There is no page {number(page)}: <a href={path(pages)}>the last page is page {number(pages)}</a>
      </p>
    )
  }
  return pages === 1 ? null : (
    <p>
      {page > 1 && <a href={path(page - 1)}>← before</a>} Page {number(page)} of {number(pages)}{" "}
      {page < pages && <a href={path(page + 1)}>after →</a>}
    </p>
  )
}

interface GuestTableProps<Guest> {
  readonly tag: string
  readonly members: ReadonlyArray<Guest>
  readonly total: number
  readonly page: number
  /** The address of another page. */
  readonly path: (page: number) => string
  /** What is told of each. */
  readonly columns: ReadonlyArray<Column<Guest>>
}

export const GuestTable = <Guest extends ListedGuest>({
  columns,
  members,
  page,
  path,
  tag,
  total
}: GuestTableProps<Guest>) => (
  <>
    {members.length > 0 && (
      <div class="wide">
        <table>
          <tr>
            <th>Guest</th>
            {columns.map((column) => (
              <th key={column.heading} class={classOf(column)}>
                {column.heading}
              </th>
            ))}
          </tr>
          {members.map((member) => (
            <tr key={member.guest}>
              <td>
                <a href={guestPath(member.guest, { tag })}>{member.guest}</a>
              </td>
              {columns.map((column) => (
                <td key={column.heading} class={classOf(column)}>
                  {column.text(member)}
                </td>
              ))}
            </tr>
          ))}
        </table>
      </div>
    )}
    <Pager page={page} path={path} total={total} />
  </>
)
