/** What of the live marts differs from the shadow, found without a lock: the orders and guests to look at under it. */
import { type GuestRow, guestChanges } from "@metka/cdm/GuestTags"
import type { Name, NameTable } from "@metka/cdm/Names"
import { activeRules } from "@metka/cdm/TagRepository"
import { uuids } from "@metka/core/arrays"
import { forEachPage } from "@metka/core/Cursor"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { heldNames, mustReplace } from "./demands.ts"
import { guestRows } from "./GuestTags.ts"
import { categoryMart, type Mart, productMart, toldTags } from "./martChecks.ts"
import { namesByTable, type ShadowNames } from "./Shadow.ts"

/** Whether the ledger must have the shadow's row; it keeps what is newer, and orders that the shadow does not know. */
export const ledgerIsWrong = (shadow: string): string => `(held.order_version < ${shadow}.order_version
  or held.order_version = ${shadow}.order_version
    and (held.user_id, held.order_dt, held.product_ids, held.category_ids)
      is distinct from (${shadow}.user_id, ${shadow}.order_dt, ${shadow}.product_ids, ${shadow}.category_ids))`

const wrongOrders = `
  create temp table wrong_orders on commit drop as
  select shadow.* from shadow_ledger shadow left join cdm.order_contributions held using (order_id)
  where held.order_id is null or ${ledgerIsWrong("shadow")}`

const wrongCounters = ({ counted, id, table }: Mart): string => `
  insert into wrong_guests
  select distinct user_id from (
    select user_id, ${id}, count(*)::int as order_cnt from cdm.order_contributions, unnest(${counted}) as ${id}
    where user_id is not null group by user_id, ${id}
  ) sums full join ${table} held using (user_id, ${id})
  where held.order_cnt is distinct from sums.order_cnt on conflict do nothing`

const wrongHistory = `
  insert into wrong_guests
  select distinct user_id from (${toldTags}) told full join cdm.user_tags held using (user_id, tag)
  where case when told.action = 'given' then told.at end is distinct from held.given_at on conflict do nothing`

const findWrongTags = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rules = yield* activeRules
  yield* forEachPage<GuestRow, SqlError, never>(guestRows("true"), (guests) => {
    const { given, taken, updated } = guestChanges(rules, guests)
    const wrong = new Set([...given, ...taken, ...updated].map(({ userId }) => userId))
    if (wrong.size === 0) return Effect.void
    return sql`insert into wrong_guests select unnest(${uuids([...wrong])}::uuid[]) on conflict do nothing`
  })
})

/** Of these names, those that the marts do not have yet. */
export const wrongNames = Effect.fnUntraced(function* (kind: NameTable, names: ReadonlyArray<Name>) {
  if (names.length === 0) return []
  const held = yield* heldNames(
    kind,
    names.map(({ id }) => id)
  )
  return names.filter((name) => {
    const now = held.get(name.id)
    return now === undefined || mustReplace(kind, name, now)
  })
})

/** Counters that show another name than their dish or category has. */
const misnamed = ({ id, name, names, table }: Mart): string =>
  `select 1 from ${table} held join ${names} named using (${id}) where held.${name} <> named.${name}`

/** Fills `wrong_orders` and `wrong_guests`; false when nothing at all is wrong. */
export const findWrongRows = Effect.fnUntraced(function* (names: ShadowNames) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create temp table wrong_guests (user_id uuid primary key) on commit drop`
  yield* sql.unsafe(wrongOrders)
  yield* sql.unsafe(wrongCounters(productMart))
  yield* sql.unsafe(wrongCounters(categoryMart))
  yield* sql.unsafe(wrongHistory)
  yield* findWrongTags
  const [found] = yield* sql.unsafe<{ wrong: boolean }>(`
    select exists (select 1 from wrong_orders) or exists (select 1 from wrong_guests)
      or exists (${misnamed(productMart)}) or exists (${misnamed(categoryMart)})
      or exists (select 1 from shadow_guests left join cdm.guests held using (user_id) where held.guest_id is distinct from shadow_guests.guest_id)
      as wrong`)
  if (found?.wrong === true) return true
  for (const [kind, brought] of namesByTable(names)) if ((yield* wrongNames(kind, brought)).length > 0) return true
  return false
})
