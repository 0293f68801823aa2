/** What of the live marts differs from the shadow, found without a lock: the orders and guests to look at under it. */
import { type GuestRow, guestChanges, guestsInPage } from "@metka/cdm/GuestTags"
import { categoryNames, type NameTable, productNames } from "@metka/cdm/Names"
import { activeRules } from "@metka/cdm/TagRepository"
import { uuids } from "@metka/core/arrays"
import { forEachPage } from "@metka/core/Cursor"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { namesNotHeld } from "./demands.ts"
import { guestRows } from "./NamedGuests.ts"
import { wrongCounters, wrongHistory } from "./martChecks.ts"
import type { BeginRebuildStep } from "./RebuildSteps.ts"
import { besideLedger, namesByTable, type ShadowNames } from "./Shadow.ts"

/** Whether the ledger must have the shadow's row; it keeps what is newer, and orders that the shadow does not know. */
export const ledgerIsWrong = (shadow: string): string => `(held.order_version < ${shadow}.order_version
  or held.order_version = ${shadow}.order_version
    and (held.user_id, held.order_dt, held.product_ids, held.category_ids)
      is distinct from (${shadow}.user_id, ${shadow}.order_dt, ${shadow}.product_ids, ${shadow}.category_ids))`

const wrongOrders = `
  create temp table wrong_orders on commit drop as
  select shadow.* from shadow_ledger shadow ${besideLedger} where held.order_id is null or ${ledgerIsWrong("shadow")}`

const noteGuests = (query: string): string =>
  `insert into wrong_guests select distinct user_id from (${query}) wrong on conflict do nothing`

const findWrongTags = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rules = yield* activeRules
  const note = (guests: ReadonlyArray<GuestRow>) => {
    const { given, taken, updated } = guestChanges(rules, guests)
    const wrong = new Set([...given, ...taken, ...updated].map(({ userId }) => userId))
    if (wrong.size === 0) return Effect.void
    return sql`insert into wrong_guests select unnest(${uuids([...wrong])}::uuid[]) on conflict do nothing`
  }
  yield* forEachPage<GuestRow, SqlError, never>(guestRows("true"), note, guestsInPage(rules))
})

/** Counters that show another name than their dish or category has. */
const misnamed = ({ counters, id, name, table }: NameTable): string =>
  `select 1 from ${counters} held join ${table} named using (${id}) where held.${name} <> named.${name}`

/** Fills `wrong_orders` and `wrong_guests`; false when nothing at all is wrong. */
export const findWrongRows = Effect.fnUntraced(function* (names: ShadowNames, beginStep: BeginRebuildStep) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create temp table wrong_guests (user_id uuid primary key) on commit drop`
  yield* beginStep("comparing the ledger")
  yield* sql.unsafe(wrongOrders)
  yield* beginStep("comparing counters")
  yield* sql.unsafe(noteGuests(wrongCounters(productNames)))
  yield* sql.unsafe(noteGuests(wrongCounters(categoryNames)))
  yield* beginStep("comparing tags")
  yield* sql.unsafe(noteGuests(wrongHistory))
  yield* findWrongTags
  const [found] = yield* sql.unsafe<{ wrong: boolean }>(`
    select exists (select 1 from wrong_orders) or exists (select 1 from wrong_guests)
      or exists (${misnamed(productNames)}) or exists (${misnamed(categoryNames)})
      or exists (select 1 from shadow_guests left join cdm.guests held using (user_id) where held.guest_id is distinct from shadow_guests.guest_id)
      as wrong`)
  if (found?.wrong === true) return true
  for (const [kind, brought] of namesByTable(names)) if ((yield* namesNotHeld(kind, brought)).length > 0) return true
  return false
})
