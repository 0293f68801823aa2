/** What a person is told instead of a page. */
import type { Schema } from "effect"
import { GuestForm } from "./GuestForm.tsx"
import { Layout, refreshSeconds } from "./Layout.tsx"
import { nearTitle } from "./NearPage.tsx"
import { audienceCsvPath, audiencePath } from "./paths.ts"
import { RulesHint } from "./RulesHint.tsx"

export const BusyPage = ({ note }: { readonly note: string }) => (
  <Layout title="One moment" refreshes>
    <p>{note}</p>
    <p>The database is busy. The page comes with one of the next looks, every {refreshSeconds} seconds.</p>
  </Layout>
)

export const UnreadablePage = ({ message }: { readonly message: string }) => (
  <Layout title="The marts cannot be read now" refreshes>
    <p>{message}</p>
    <p>The page comes when PostgreSQL answers again; it is asked every {refreshSeconds} seconds.</p>
  </Layout>
)

export const UnknownGuestPage = ({ guest }: { readonly guest: string }) => (
  <Layout title="This guest is not known" place="/guest">
    <p>No order of «{guest}» has been counted. Is it the app's own id of the guest, whole?</p>
    <p>
      An order is counted once it is CLOSED and has dishes, unless it <a href="/parked">waits</a> for a guest,
      restaurant or dish that Redis does not know.
    </p>
    <GuestForm id={guest} />
  </Layout>
)

export const UnknownTagPage = ({ message }: { readonly message: string }) => (
  <Layout title="This tag is not given" place="/audiences">
    <p>Now {message}.</p>
    <p>
      <a href="/audiences">All audiences</a>
    </p>
    <RulesHint />
  </Layout>
)

export const EverybodyIsNearPage = ({ message, tag }: { readonly message: string; readonly tag: string }) => (
  <Layout title={nearTitle(tag)} place="/audiences">
    <p>Now {message}.</p>
    <p>
      <a href={audiencePath(tag)}>Those with the tag</a> · <a href={audienceCsvPath(tag)}>their ids as CSV</a> ·{" "}
      <a href="/audiences">all audiences</a>
    </p>
  </Layout>
)

export const UnfoundPage = () => (
  <Layout title="Not found">
    <p>There is no page at this address. Each of those above is a place to start from.</p>
  </Layout>
)

/** A parameter, and what is wrong with it. */
const problemOf = ({ message }: Schema.SchemaError) => /^(?<what>.*?)\s+at \["(?<name>.*)"\]$/s.exec(message)?.groups

export const UnusableAddressPage = ({ error }: { readonly error: Schema.SchemaError }) => (
  <Layout title="This address cannot be used">
    <p>
      <code>{problemOf(error)?.name}</code> {problemOf(error)?.what ?? error.message}.
    </p>
    <p>Each of the pages above is a place to start from.</p>
  </Layout>
)
