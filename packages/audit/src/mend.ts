/** Writes what differs, and nothing else. Runs while no batch of CDM does, and reads all of it again. */
import { texts } from "@metka/core/arrays"
import { type GuestRow, guestChanges, guestsInPage } from "@metka/cdm/GuestTags"
import { categoryNames, type Name, type NameTable, productNames } from "@metka/cdm/Names"
import { activeRules, bindRules, writeTags } from "@metka/cdm/TagRepository"
import { forEachPage } from "@metka/core/Cursor"
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { namesNotHeld } from "./demands.ts"
import { guestRows } from "./NamedGuests.ts"
import { sumsOfLedger, toldTags } from "./martChecks.ts"
import type { BeginRebuildStep } from "./RebuildSteps.ts"
import { namesByTable, type ShadowNames } from "./Shadow.ts"
import { ledgerIsWrong } from "./wrongRows.ts"

/** How many rows of each table were wrong. */
export interface Mended {
  readonly ledger: number
  readonly names: number
  readonly guests: number
  readonly productCounters: number
  readonly categoryCounters: number
  /** Rows of `cdm.user_tags` that were not what the history says, and were put right without telling anybody. */
  readonly tagsRestored: number
  /** Tags that stay, with another count. */
  readonly tagsUpdated: number
  readonly tagsGiven: number
  readonly tagsTaken: number
}

/** Runs a statement that returns a row for each row it wrote. */
const countWritten = (statement: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql.unsafe<{ written: number }>(
      `with written as (${statement} returning 1) select count(*)::int as written from written`
    )
    return rows[0]?.written ?? 0
  })

/** Puts the shadow's rows into the ledger, and notes whose counters that moves. */
const mendLedger = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    insert into wrong_guests
    select user_id from wrong_orders where user_id is not null
    union select held.user_id from cdm.order_contributions held join wrong_orders using (order_id) where held.user_id is not null
    on conflict do nothing`
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  return yield* countWritten(`
    insert into cdm.order_contributions as held
      (order_id, order_version, user_id, order_dt, product_ids, category_ids, recorded_at)
    select order_id, order_version, user_id, order_dt, product_ids, category_ids, '${now}' from wrong_orders order by order_id
    on conflict (order_id) do update set order_version = excluded.order_version, user_id = excluded.user_id,
      order_dt = excluded.order_dt, product_ids = excluded.product_ids, category_ids = excluded.category_ids,
      recorded_at = excluded.recorded_at
    where ${ledgerIsWrong("excluded")}`)
})

const mendNames = Effect.fnUntraced(function* (kind: NameTable, brought: ReadonlyArray<Name>) {
  const sql = yield* SqlClient.SqlClient
  const wrong = (yield* namesNotHeld(kind, brought)).map(({ name }) => name)
  if (wrong.length === 0) return 0
  yield* sql`
    insert into ${sql(kind.table)} as held (${sql(kind.id)}, ${sql(kind.name)}, name_version)
    select * from unnest(${wrong.map(({ id }) => id)}::uuid[], ${wrong.map(({ name }) => name)}::text[],
      ${wrong.map(({ version }) => version)}::text[]) as row (id, name, version) order by id
    on conflict (${sql(kind.id)}) do update set ${sql(kind.name)} = excluded.${sql(kind.name)}, name_version = excluded.name_version`
  return wrong.length
})

const renameCounters = ({ counters, id, name, table }: NameTable) =>
  countWritten(`update ${counters} held set ${name} = named.${name} from ${table} named
    where held.${id} = named.${id} and held.${name} <> named.${name}`)

const mendGuests = countWritten(`
  insert into cdm.guests as held select user_id, guest_id from shadow_guests order by user_id
  on conflict (user_id) do update set guest_id = excluded.guest_id where held.guest_id <> excluded.guest_id`)

const mendCounters = (kind: NameTable) =>
  Effect.gen(function* () {
    const { counters, id, name, table } = kind
    const sums = sumsOfLedger(kind, "user_id in (select user_id from wrong_guests)")
    const removed = yield* countWritten(`
      delete from ${counters} held where user_id in (select user_id from wrong_guests)
        and not exists (select 1 from (${sums}) sums where sums.user_id = held.user_id and sums.${id} = held.${id})`)
    const set = yield* countWritten(`
      insert into ${counters} as held (user_id, ${id}, ${name}, order_cnt)
      select user_id, ${id}, coalesce(named.${name}, ''), order_cnt from (${sums}) sums left join ${table} named using (${id})
      order by user_id, ${id}
      on conflict (user_id, ${id}) do update set order_cnt = excluded.order_cnt where held.order_cnt <> excluded.order_cnt`)
    return removed + set
  })

const told = `(select * from (${toldTags}) last where action = 'given' and user_id in (select user_id from wrong_guests)) told`

/** The tags that receivers were told of, from which the rules go on: so that they are told of every change, and of no other. */
const restoreToldTags = Effect.gen(function* () {
  const removed = yield* countWritten(`
    delete from cdm.user_tags held where user_id in (select user_id from wrong_guests)
      and not exists (select 1 from ${told} where told.user_id = held.user_id and told.tag = held.tag)`)
  const set = yield* countWritten(`
    insert into cdm.user_tags as held (user_id, tag, category_id, order_cnt, rule_version, given_at)
    select user_id, tag, category_id, order_cnt, rule_version, at from ${told} order by user_id, tag
    on conflict (user_id, tag) do update set given_at = excluded.given_at where held.given_at <> excluded.given_at`)
  return removed + set
})

/** A rule that is bound only now has decided about no guest yet. */
const noteGuestsOf = Effect.fnUntraced(function* (tags: ReadonlyArray<string>) {
  if (tags.length === 0) return
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    insert into wrong_guests
    select user_id from cdm.user_category_counters join cdm.tag_rules using (category_id)
    where active and tag = any(${texts(tags)}::text[])
    on conflict do nothing`
})

const mendTags = Effect.gen(function* () {
  const rules = yield* activeRules
  const now = new Date(yield* Clock.currentTimeMillis)
  const written = { tagsGiven: 0, tagsTaken: 0, tagsUpdated: 0 }
  yield* forEachPage<GuestRow, SqlError, SqlClient.SqlClient>(
    guestRows("user_id in (select user_id from wrong_guests)"),
    (guests) =>
      Effect.gen(function* () {
        const changes = guestChanges(rules, guests)
        yield* writeTags(changes, now, () => undefined)
        written.tagsGiven += changes.given.length
        written.tagsTaken += changes.taken.length
        written.tagsUpdated += changes.updated.length
      }),
    guestsInPage(rules)
  )
  return written
})

/** Needs the rules alone, and what `findWrongRows` found. */
export const mend = Effect.fnUntraced(function* (names: ShadowNames, beginStep: BeginRebuildStep) {
  const ledger = yield* mendLedger
  const named = yield* Effect.forEach(namesByTable(names), ([kind, brought]) => mendNames(kind, brought))
  const renamed = [yield* renameCounters(productNames), yield* renameCounters(categoryNames)]
  const guests = yield* mendGuests
  yield* beginStep("mending counters")
  const productCounters = yield* mendCounters(productNames)
  const categoryCounters = yield* mendCounters(categoryNames)
  yield* beginStep("mending tags")
  yield* noteGuestsOf(yield* bindRules())
  const tagsRestored = yield* restoreToldTags
  const mended: Mended = {
    ledger,
    names: [...named, ...renamed].reduce((sum, count) => sum + count, 0),
    guests,
    productCounters,
    categoryCounters,
    tagsRestored,
    ...(yield* mendTags)
  }
  return mended
})
