/** The pages: each reads what it shows, and is a whole document that needs no script. */
import { Effect, type Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { VNode } from "preact"
import { renderToStaticMarkup } from "preact-render-to-string"
import { audienceCsv, nearCsv } from "./audienceCsv.ts"
import { readAudiences, taggedGuests } from "./Audiences.ts"
import { guestPageQuery, overviewQuery, refusingOthers, tagPageQuery } from "./ConsoleQuery.ts"
import { readDeadLetters } from "./DeadLetters.ts"
import { type GuestList, type ListedGuest, readGuestPage } from "./GuestList.ts"
import { MartReader, type MartsBusy, type MartsUnreadable } from "./MartReader.ts"
import { type EverybodyIsNear, nearGuests } from "./NearGuests.ts"
import { AudiencePage } from "./pages/AudiencePage.tsx"
import { AudiencesPage } from "./pages/AudiencesPage.tsx"
import { DeadLettersPage } from "./pages/DeadLettersPage.tsx"
import { type GuestListProps, pageSize } from "./pages/GuestTable.tsx"
import { GuestPage } from "./pages/GuestPage.tsx"
import { GuestSearchPage } from "./pages/GuestSearchPage.tsx"
import { NearPage } from "./pages/NearPage.tsx"
import {
  BusyPage,
  EverybodyIsNearPage,
  UnfoundPage,
  UnknownGuestPage,
  UnknownTagPage,
  UnreadablePage,
  UnusableAddressPage
} from "./pages/NoticePages.tsx"
import { OverviewPage } from "./pages/OverviewPage.tsx"
import { ParkedPage } from "./pages/ParkedPage.tsx"
import { ReachPage } from "./pages/ReachPage.tsx"
import { readParkedOrders } from "./ParkedOrders.ts"
import { readReach } from "./Reach.ts"
import { readRunningServices } from "./RunningServices.ts"
import { type GuestUnknown, readTagReasons } from "./TagReasons.ts"
import { readTaggedLately } from "./TaggedLately.ts"
import { readTimeZone } from "./TimeZone.ts"
import type { UnknownTag } from "./UnknownTag.ts"

const listSize = 100

const html = (page: VNode, status = 200) =>
  HttpServerResponse.html(`<!doctype html>${renderToStaticMarkup(page)}`).pipe(HttpServerResponse.setStatus(status))

type Unshowable = MartsUnreadable | MartsBusy | Schema.SchemaError | GuestUnknown | EverybodyIsNear | UnknownTag

/** What a person is told instead of the page. */
const noticeOf = (error: Unshowable, note: string): HttpServerResponse.HttpServerResponse => {
  switch (error._tag) {
    case "MartsBusy":
      return html(<BusyPage note={note} />)
    case "MartsUnreadable":
      return html(<UnreadablePage message={error.message} />, 503)
    case "SchemaError":
      return html(<UnusableAddressPage error={error} />, 400)
    case "GuestUnknown":
      return html(<UnknownGuestPage guest={error.guest} />, 404)
    case "EverybodyIsNear":
      return html(<EverybodyIsNearPage message={error.message} tag={error.tag} />, 404)
    case "UnknownTag":
      return html(<UnknownTagPage message={error.message} />, 404)
  }
}

const overview = Effect.fnUntraced(function* ({ ask, counts, state }: MartReader["Service"]) {
  const { still } = yield* HttpServerRequest.schemaSearchParams(overviewQuery, refusingOthers)
  const { isLoading, note } = yield* state
  const counted = yield* counts
  const { services, timeZone } = yield* ask(Effect.all({ services: readRunningServices, timeZone: readTimeZone }))
  return (
    <OverviewPage
      counts={counted}
      isLoading={isLoading}
      note={note}
      services={services}
      still={still !== undefined}
      timeZone={timeZone}
    />
  )
})

const audiences = Effect.map(readAudiences, (all) => <AudiencesPage audiences={all} />)

const guestList = Effect.fnUntraced(function* <Guest extends ListedGuest, E>(
  list: GuestList<Guest, E>,
  Page: (props: GuestListProps<Guest>) => VNode
) {
  const { page, tag, ...span } = yield* HttpServerRequest.schemaSearchParams(tagPageQuery, refusingOthers)
  const read = yield* readGuestPage(list, tag, span, page, pageSize)
  return <Page {...read} span={span} page={page} timeZone={yield* readTimeZone} />
})

const reach = Effect.map(readReach, (all) => <ReachPage reach={all} />)

const guestSearch = Effect.gen(function* () {
  return <GuestSearchPage examples={yield* readTaggedLately} timeZone={yield* readTimeZone} />
})

const guest = Effect.gen(function* () {
  const { id, limit, tag } = yield* HttpServerRequest.schemaSearchParams(guestPageQuery, refusingOthers)
  if (id === undefined || id === "") return yield* guestSearch
  const told = (guestId: string) =>
    Effect.map(readTagReasons(guestId, tag, limit), (reasons) => (
      <GuestPage asked={tag !== undefined} reasons={reasons} />
    ))
  // Pasted with spaces around it, more likely than sent so.
  const trimmed = id.trim()
  return yield* Effect.catchTag(told(id), "GuestUnknown", (error) => {
    if (trimmed === id) return Effect.fail(error)
    return trimmed === "" ? guestSearch : told(trimmed)
  })
})

const parked = Effect.gen(function* () {
  return <ParkedPage parked={yield* readParkedOrders(listSize)} timeZone={yield* readTimeZone} />
})

const deadLetters = Effect.gen(function* () {
  return (
    <DeadLettersPage letters={yield* readDeadLetters({ closed: false }, listSize)} timeZone={yield* readTimeZone} />
  )
})

export const pageRoutes = HttpRouter.addAll(
  Effect.gen(function* () {
    const reader = yield* MartReader
    const { ask, state } = reader
    const page = <R,>(path: `/${string}`, read: Effect.Effect<VNode, Unshowable, R>) =>
      HttpRouter.route(
        "GET",
        path,
        read.pipe(
          Effect.map((shown) => html(shown)),
          Effect.catch((error) => Effect.map(state, ({ note }) => noticeOf(error, note)))
        )
      )
    const routes = [
      page("/", overview(reader)),
      page("/audiences", ask(audiences)),
      page("/audience", ask(guestList(taggedGuests, AudiencePage))),
      page("/near", ask(guestList(nearGuests, NearPage))),
      page("/reach", ask(reach)),
      page("/guest", ask(guest)),
      page("/parked", ask(parked)),
      page("/dead-letters", ask(deadLetters)),
      HttpRouter.route("GET", "/audience.csv", audienceCsv(ask)),
      HttpRouter.route("GET", "/near.csv", nearCsv(ask)),
      HttpRouter.route("GET", "*", html(<UnfoundPage />, 404))
    ]
    return routes
  })
)
