/** Asks in which days the last order of the guests was. */
import { isLimited, type LastOrderSpan } from "../LastOrder.ts"

interface LastOrderFormProps {
  /** The list's page. */
  readonly action: "/audience" | "/near"
  readonly tag: string
  readonly span: LastOrderSpan
  /** The address of the list with everybody. */
  readonly everybody: string
}

/** A year that is typed too quickly has six digits otherwise. */
const lastDay = "9999-12-31"

export const LastOrderForm = ({ action, everybody, span, tag }: LastOrderFormProps) => (
  <form action={action} method="get">
    <input type="hidden" name="tag" value={tag} />
    <label>
      Last order on or after <input type="date" max={lastDay} name="orderedSince" value={span.orderedSince ?? ""} />
    </label>
    <label>
      Last order before <input type="date" max={lastDay} name="notOrderedSince" value={span.notOrderedSince ?? ""} />
    </label>
    <button type="submit">Show</button>
    {isLimited(span) && <a href={everybody}>Clear the days</a>}
  </form>
)
