/** The marts by themselves, and against the vault: shape of the ledger, counters, names, guests, history of tags, parked orders. */
import { categoryNames, type NameTable, productNames } from "@metka/cdm/Names"
import type { SqlCheck } from "./SqlCheck.ts"

const guestText =
  "concat('guest ', coalesce((select guest_id from cdm.guests where guests.user_id = row.user_id), row.user_id::text))"

/** What the counters of these guests must be, by the ledger. */
export const sumsOfLedger = ({ counted, id }: NameTable, guests: string): string => `
  select user_id, ${id}, count(*)::int as order_cnt from cdm.order_contributions, unnest(${counted}) as ${id}
  where ${guests} group by user_id, ${id}`

export const wrongCounters = (kind: NameTable): string => `
  select user_id, ${kind.id}, held.order_cnt as held, sums.order_cnt as wanted
  from (${sumsOfLedger(kind, "user_id is not null")}) sums full join ${kind.counters} held using (user_id, ${kind.id})
  where held.order_cnt is distinct from sums.order_cnt`

const countersOf = (kind: NameTable): SqlCheck => ({
  check: "counters",
  table: kind.counters,
  remedy: "rebuild",
  query: `
    select null::text as object_id, concat(${guestText}, ', ', named.${kind.name}, ' ', row.${kind.id}) as what,
      coalesce(row.held::text, 'no row') as held, coalesce(row.wanted::text, 'no row') as wanted,
      row.user_id::text as user_id, row.${kind.id}::text as thing_id
    from (${wrongCounters(kind)}) row left join ${kind.table} named using (${kind.id})`
})

const namesOf = ({ counters, id, name, table }: NameTable): SqlCheck => ({
  check: "names",
  table: counters,
  remedy: "rebuild",
  query: `
    select null::text as object_id, concat(${guestText}, ', ${id} ', row.${id}) as what, row.${name} as held,
      coalesce(named.${name}, 'a name in ${table}') as wanted, row.user_id::text as user_id, row.${id}::text as thing_id
    from ${counters} row left join ${table} named using (${id}) where row.${name} is distinct from named.${name}`
})

/** A dish or category is counted once an order, and an order counts for somebody if it counts for anything. */
const ledgerShape: SqlCheck = {
  check: "ledgerOfVault",
  table: "cdm.order_contributions",
  remedy: "rebuild",
  query: `
    select order_id as object_id, 'user_id, product_ids, category_ids' as what,
      row(user_id, product_ids, category_ids)::text as held, 'distinct ids, and a guest exactly where there are any' as wanted,
      null as user_id, null as thing_id
    from cdm.order_contributions
    where (user_id is null) <> (product_ids = '{}') or (user_id is null) <> (category_ids = '{}')
      or (select count(*) <> count(distinct id) from unnest(product_ids) as id)
      or (select count(*) <> count(distinct id) from unnest(category_ids) as id)`
}

/** Messages that DDS sends have the app's id of the guest for their key. Orders are asked for only of guests who differ. */
const guests: SqlCheck = {
  check: "guests",
  table: "cdm.guests",
  remedy: "rebuild",
  query: `
    select min(ledger.order_id) as object_id, concat('user_id ', ledger.user_id) as what,
      coalesce(guests.guest_id, 'no row') as held, hub.user_id as wanted, null as user_id, null as thing_id
    from cdm.order_contributions ledger
    join dds.h_order orders on orders.order_id::text = ledger.order_id and orders.order_version = ledger.order_version
    join dds.h_user hub on hub.h_user_pk = ledger.user_id
    left join cdm.guests on guests.user_id = ledger.user_id
    where guests.guest_id is distinct from hub.user_id
      and ledger.user_id in (
        select h_user_pk from dds.h_user left join cdm.guests on guests.user_id = h_user_pk
        where guests.guest_id is distinct from h_user.user_id offset 0
      )
    group by ledger.user_id, guests.guest_id, hub.user_id`
}

/** What receivers of `guest-tags` have been told last of every guest and tag. */
export const toldTags = `
  select distinct on (user_id, tag) user_id, tag, category_id, action, order_cnt, rule_version, at from cdm.user_tag_history order by user_id, tag, event_id desc`

/** Tags of which receivers have been told last something else than what guests have. */
export const wrongHistory = `
  select user_id, tag, coalesce(held.category_id, told.category_id) as category_id, told.action, told.at, held.given_at
  from (${toldTags}) told full join cdm.user_tags held using (user_id, tag)
  where case when told.action = 'given' then told.at end is distinct from held.given_at`

const history: SqlCheck = {
  check: "history",
  table: "cdm.user_tag_history",
  remedy: "rebuild",
  query: `
    select null::text as object_id, concat(${guestText}, ', tag ', row.tag) as what,
      concat('last ', coalesce(row.action, 'never given'), ' ' || row.at) as held,
      coalesce('given ' || row.given_at, 'taken') as wanted, row.user_id::text as user_id, row.category_id::text as thing_id
    from (${wrongHistory}) row`
}

const parked: SqlCheck = {
  check: "parked",
  table: "stg.parked_orders",
  remedy: "wait",
  query: `
    select object_id::text as object_id, 'order_version' as what, coalesce(waiting.order_version, 'no row') as held,
      coalesce(events.order_version, 'no row: STG has no such order') as wanted, null as user_id, null as thing_id
    from stg.parked_orders waiting
    full join (select object_id, order_version, enrichment from stg.order_events) events using (object_id)
    where (events.object_id is null or events.enrichment is null or waiting.object_id is not null)
      and waiting.order_version is distinct from events.order_version`
}

export const martChecks: ReadonlyArray<SqlCheck> = [
  parked,
  ledgerShape,
  countersOf(productNames),
  countersOf(categoryNames),
  namesOf(productNames),
  namesOf(categoryNames),
  guests,
  history
]
