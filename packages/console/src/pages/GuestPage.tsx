/** Why a guest has a tag, or has it not, down to the orders. */
import { maxLimit } from "../ConsoleQuery.ts"
import { doubtsOf } from "../doubts.ts"
import type { TagReason, TagReasons } from "../TagReasons.ts"
import { timeIn } from "../TimeZone.ts"
import {
  askedText,
  capitalized,
  counted,
  decisiveCount,
  eventText,
  isCountedText,
  number,
  staysText,
  withinText
} from "../words.ts"
import { RulesHint } from "./RulesHint.tsx"
import { GuestForm } from "./GuestForm.tsx"
import { Layout } from "./Layout.tsx"
import { audiencePath, guestPath } from "./paths.ts"

type Time = (at: Date) => string

const ruleText = (reason: TagReason, time: Time): string => {
  const asked = askedText(reason, reason.categoryName)
  return reason.retiredAt === null ? capitalized(asked) : `Retired ${time(reason.retiredAt)}. It was: ${asked}`
}

const Rule = ({ reason, time }: { readonly reason: TagReason; readonly time: Time }) => (
  <p>
    {ruleText(reason, time)} (version {reason.ruleVersion}).{" "}
    {reason.isCategoryKnown ? (
      <>
        The guest has <strong>{number(decisiveCount(reason))}</strong>
        {withinText(reason, time)}{" "}
        <meter min={0} max={reason.threshold + 1} value={Math.min(decisiveCount(reason), reason.threshold + 1)}>
          {decisiveCount(reason)} of {reason.threshold + 1}
        </meter>
      </>
    ) : (
      "No guest has ordered from this category yet: is it spelled as in the menus?"
    )}
  </p>
)

const Orders = ({
  guest,
  reason: { orders, orderTotal, tag, window },
  time
}: {
  readonly guest: string
  readonly reason: TagReason
  readonly time: Time
}) =>
  orders.length === 0 ? null : (
    <>
      <div class="wide">
        <table>
          <tr>
            <th>Order</th>
            <th>Date</th>
            {window !== null && <th>Counts</th>}
            <th>Dishes of the category</th>
          </tr>
          {orders.map((order) => (
            <tr key={order.orderId} class={order.isCounted ? undefined : "quiet"}>
              <td>{order.orderId}</td>
              <td class="time">{order.date === null ? "no date" : time(order.date)}</td>
              {window !== null && <td>{isCountedText(order)}</td>}
              <td>{order.dishes.join(", ")}</td>
            </tr>
          ))}
        </table>
      </div>
      {orderTotal > orders.length && (
        <p>
          … and {counted(orderTotal - orders.length, "older one", "older ones")}:{" "}
          {orders.length < maxLimit ? (
            <a href={guestPath(guest, { tag, limit: String(maxLimit) })}>more of them</a>
          ) : (
            <code>npx metka why GUEST TAG --limit {orderTotal}</code>
          )}
        </p>
      )}
    </>
  )

const Stays = ({ reason }: { readonly reason: TagReason }) => staysText(reason).map((text) => <p key={text}>{text}</p>)

const Doubts = ({ reason }: { readonly reason: TagReason }) =>
  doubtsOf(reason).map((doubt) => (
    <p key={doubt} class="doubt">
      {doubt}
    </p>
  ))

const Events = ({ reason: { events }, time }: { readonly reason: TagReason; readonly time: Time }) =>
  events.map((event) => (
    <p key={event.at.getTime()} class="quiet">
      {eventText(event, time)}
    </p>
  ))

const Reason = (props: { readonly guest: string; readonly reason: TagReason; readonly time: Time }) => {
  const { guest, reason, time } = props
  return (
    <section class={reason.isHeld ? "card held" : "card"}>
      <h2>{reason.isHeld ? <a href={audiencePath(reason.tag)}>{reason.tag}</a> : `${reason.tag}: not given`}</h2>
      <Rule reason={reason} time={time} />
      <Stays reason={reason} />
      <Doubts reason={reason} />
      <Orders guest={guest} reason={reason} time={time} />
      <Events reason={reason} time={time} />
    </section>
  )
}

const PastTags = (props: { readonly guest: string; readonly pastTags: TagReasons["pastTags"]; readonly time: Time }) =>
  props.pastTags.length === 0 ? null : (
    <section>
      <h2>Tags of rules that are retired</h2>
      <ul>
        {props.pastTags.map(({ last, tag }) => (
          <li key={tag}>
            <a href={guestPath(props.guest, { tag })}>{tag}</a>: {eventText(last, props.time)}
          </li>
        ))}
      </ul>
    </section>
  )

export const GuestPage = ({
  asked,
  reasons: { guest, pastTags, tags, timeZone }
}: {
  readonly reasons: TagReasons
  /** Whether one tag alone was asked for. */
  readonly asked: boolean
}) => {
  const time = timeIn(timeZone)
  const held = tags.filter(({ isHeld }) => isHeld)
  const others = tags.filter(({ isHeld }) => !isHeld)
  return (
    <Layout title={`Guest ${guest}`} place="/guest">
      <GuestForm id={guest} />
      <p>
        {asked ? (
          <a href={guestPath(guest)}>All tags of the guest</a>
        ) : (
          `${held.length === 0 ? "No tag" : counted(held.length, "tag", "tags")}.`
        )}{" "}
        Times are in {timeZone}.
      </p>
      {tags.length === 0 && (
        <>
          <p>There are no tag rules.</p>
          <RulesHint />
        </>
      )}
      {[...held, ...others].map((reason) => (
        <Reason key={reason.tag} guest={guest} reason={reason} time={time} />
      ))}
      <PastTags guest={guest} pastTags={pastTags} time={time} />
    </Layout>
  )
}
