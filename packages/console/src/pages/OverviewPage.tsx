/** What there is, and whether it runs. */
import type { Counts, Ranked } from "../Counts.ts"
import type { RunningService } from "../RunningServices.ts"
import { secondsIn, timeIn } from "../TimeZone.ts"
import { counted, number } from "../words.ts"
import { Layout, refreshSeconds } from "./Layout.tsx"
import { audiencePath } from "./paths.ts"

const Figure = ({ href, label, value }: { readonly label: string; readonly value: number; readonly href?: string }) => {
  const content = (
    <>
      <strong>{number(value)}</strong> {label}
    </>
  )
  return href === undefined ? (
    <div>{content}</div>
  ) : (
    <a class={value > 0 ? "due" : undefined} href={href}>
      {content}
    </a>
  )
}

const RankedTable = (props: {
  readonly title: string
  readonly unit: readonly [string, string]
  readonly ranked: ReadonlyArray<Ranked>
  readonly path?: (name: string) => string
}) =>
  props.ranked.length === 0 ? null : (
    <section>
      <h2>{props.title}</h2>
      <table>
        {props.ranked.map(({ count, name }) => (
          <tr key={name}>
            <td>{props.path === undefined ? name : <a href={props.path(name)}>{name}</a>}</td>
            <td class="number">{counted(count, ...props.unit)}</td>
          </tr>
        ))}
      </table>
    </section>
  )

const stateText = {
  ready: "ready",
  waiting: "waits for a server that it needs",
  silent: "silent: it has ended without a farewell, or hangs; its log says more"
}

const Services = ({
  services,
  timeZone
}: {
  readonly services: ReadonlyArray<RunningService>
  readonly timeZone: string
}) => {
  const time = timeIn(timeZone)
  return (
    <section>
      <h2>Services</h2>
      {services.length === 0 && <p>No service runs on this database.</p>}
      <div class="wide">
        <table>
          {services.map(({ heartbeatAt, host, service, startedAt, state, version }) => (
            <tr key={`${service} ${host} ${startedAt.getTime()}`}>
              <td>{service}</td>
              <td>{stateText[state]}</td>
              <td class="time">{state === "silent" ? `last seen ${time(heartbeatAt)}` : `since ${time(startedAt)}`}</td>
              <td>{`${version} on ${host}`}</td>
            </tr>
          ))}
        </table>
      </div>
    </section>
  )
}

export const OverviewPage = ({
  counts,
  note,
  services,
  still,
  timeZone
}: {
  readonly note: string
  /** Whether the page stays as it is until somebody asks for it again. */
  readonly still: boolean
  readonly counts: Counts
  readonly services: ReadonlyArray<RunningService>
  readonly timeZone: string
}) => (
  <Layout title="Overview" place="/" refreshes={!still}>
    <p>
      {note} Counted {secondsIn(timeZone)(counts.countedAt)}; times are in {timeZone}.{" "}
      <span class="quiet">
        {still ? (
          <>
            The page stays as it is: <a href="/">keep it fresh</a>
          </>
        ) : (
          <>
            The page comes anew every {refreshSeconds} seconds: <a href="/?still">hold it still</a>
          </>
        )}
      </span>
    </p>
    <div class="figures">
      <Figure label="orders" value={counts.orders} />
      <Figure label="of them CLOSED, with dishes" value={counts.closed} />
      <Figure label="guests" value={counts.guests} />
      <Figure label="waiting orders" value={counts.parked} href="/parked" />
      <Figure label="dead letters" value={counts.deadLetters} href="/dead-letters" />
    </div>
    <div class="tables">
      <RankedTable title="Guests by tag" unit={["guest", "guests"]} ranked={counts.tags} path={audiencePath} />
      <RankedTable title="Top categories" unit={["order", "orders"]} ranked={counts.categories} />
      <RankedTable title="Top dishes" unit={["order", "orders"]} ranked={counts.dishes} />
    </div>
    <Services services={services} timeZone={timeZone} />
  </Layout>
)
