/** What there is, and whether it runs. */
import type { Counts, Ranked } from "../Counts.ts"
import type { RunningService } from "../RunningServices.ts"
import { secondsIn } from "../TimeZone.ts"
import { counted, number } from "../words.ts"
import { Layout, refreshSeconds } from "./Layout.tsx"
import { NextSteps } from "./NextSteps.tsx"
import { audiencePath } from "./paths.ts"
import { ServicesSection } from "./ServicesSection.tsx"

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

export const OverviewPage = ({
  counts,
  isLoading,
  note,
  services,
  still,
  timeZone
}: {
  readonly note: string
  readonly isLoading: boolean
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
    <NextSteps counts={counts} isLoading={isLoading} services={services} />
    <div class="tables">
      <RankedTable title="Guests by tag" unit={["guest", "guests"]} ranked={counts.tags} path={audiencePath} />
      <RankedTable title="Top categories" unit={["order", "orders"]} ranked={counts.categories} />
      <RankedTable title="Top dishes" unit={["order", "orders"]} ranked={counts.dishes} />
    </div>
    <ServicesSection services={services} timeZone={timeZone} />
  </Layout>
)
