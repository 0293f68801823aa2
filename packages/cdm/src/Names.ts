/**
 * The newest name of every dish and category, the same for every guest. Batches that bring no newer name share the rows
 * of theirs; a batch that renames one has all of its rows alone, so that no counter with the old name slips in behind
 * the renaming. Each takes its rows in key order and never trades a shared lock for an exclusive one.
 */
import { texts, uuids } from "@metka/core/arrays"
import { remember } from "@metka/core/remember"
import { uuidOf } from "@metka/core/Uuid"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { CounterChange } from "./counters.ts"

/** The name of a dish or a category, as new as the reference it comes from. */
export interface Name {
  readonly id: string
  readonly name: string
  readonly version: string
}

/** Names of dishes and of categories. Their ids come from outside: a dish's may be a category's too. */
export interface OfKinds<A> {
  readonly products: A
  readonly categories: A
}

type Kind = keyof OfKinds<unknown>

/** Where a kind of names is kept, and the counters that show them. */
export interface NameTable {
  readonly kind: Kind
  readonly table: string
  readonly counters: string
  readonly id: string
  readonly name: string
  /** The column of the ledger that the counters count. */
  readonly counted: string
}

export const productNames: NameTable = {
  kind: "products",
  table: "cdm.product_names",
  counters: "cdm.user_product_counters",
  id: "product_id",
  name: "product_name",
  counted: "product_ids"
}

export const categoryNames: NameTable = {
  kind: "categories",
  table: "cdm.category_names",
  counters: "cdm.user_category_counters",
  id: "category_id",
  name: "category_name",
  counted: "category_ids"
}

/** Of two names the newer, of equally new ones the one the vault prefers: any order of arrival ends in the same name. */
export const isNewer = (a: Name, b: Name): boolean =>
  a.version > b.version || (a.version === b.version && a.name !== b.name && hashdiff(a.name) > hashdiff(b.name))

/** As DDS has it in `s_product_names`. */
const hashdiff = (name: string): string => uuidOf("s_product_names", name)

/** The newest name of each thing, sorted by id. */
export const newestNames = (names: Iterable<Name>): ReadonlyArray<Name> => {
  const newest = new Map<string, Name>()
  for (const name of names) {
    const held = newest.get(name.id)
    if (held === name) continue
    if (held === undefined || isNewer(name, held)) newest.set(name.id, name)
  }
  return [...newest.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** A name that was given before is the very same object, and so is the text of its id. */
export const rememberedNames = () => {
  const names = new Map<string, Name>()
  /** @param id in upper or lower case */
  return (id: string, name: string, version: string): Name => {
    const held = names.get(id)
    return held !== undefined && held.name === name && held.version === version
      ? held
      : remember(names, id, { id: id.toLowerCase(), name, version })
  }
}

/** A batch's names as rows of PostgreSQL: `row (id, name, version)`. */
const rowsOf = (sql: SqlClient.SqlClient, names: ReadonlyArray<Name>) =>
  sql`unnest(${uuids(names.map((row) => row.id))}::uuid[], ${texts(names.map((row) => row.name))}::text[],
    ${texts(names.map((row) => row.version))}::text[]) as row (id, name, version)`

/** What the held names of one kind say. */
interface SharedRow {
  readonly kind: Kind
  readonly count: number
  /** Of things that have another name than the one asked for. */
  readonly ids: ReadonlyArray<string> | null
  readonly names: ReadonlyArray<string> | null
}

/** Of one kind: the names asked for, what is news among them, the rows that are shared otherwise, and what these say. */
const sharing = (sql: SqlClient.SqlClient, { id, kind, name, table }: NameTable, names: ReadonlyArray<Name>) => {
  const asked = sql(`asked_${kind}`)
  const shared = sql(`shared_${kind}`)
  return {
    asked: sql`${asked} as (select * from ${rowsOf(sql, names)})`,
    news: sql`
      select 1 from ${asked} asked left join ${sql(table)} held on held.${sql(id)} = asked.id
      where held.${sql(id)} is null or held.name_version < asked.version
        or (held.name_version = asked.version and held.${sql(name)} <> asked.name)`,
    shared: sql`${shared} as (
      select held.${sql(id)} as id, held.${sql(name)} as name, held.${sql(name)} <> asked.name as is_another
      from ${asked} asked join ${sql(table)} held on held.${sql(id)} = asked.id
      where (select are_known from verdict) order by held.${sql(id)} for share of held)`,
    said: sql`
      select ${kind}::text as kind, count(*)::int as count, array_agg(id) filter (where is_another) as ids,
        array_agg(name) filter (where is_another) as names
      from ${shared}`
  }
}

/**
 * Shares the rows of these names and returns what they say: of no row, and none is locked, when one of the things has no
 * name yet or an older one. Dishes before categories.
 */
const shareKnown = Effect.fnUntraced(function* (names: OfKinds<ReadonlyArray<Name>>) {
  const sql = yield* SqlClient.SqlClient
  const products = sharing(sql, productNames, names.products)
  const categories = sharing(sql, categoryNames, names.categories)
  return yield* sql<SharedRow>`
    with ${products.asked}, ${categories.asked},
    verdict as materialized (select not exists (${products.news}) and not exists (${categories.news}) as are_known),
    ${products.shared}, ${categories.shared}
    ${products.said} union all ${categories.said}`
})

/** The names asked for, but for those that have another one. */
const namesNow = (asked: ReadonlyArray<Name>, said: SharedRow | undefined): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  for (const { id, name } of asked) names.set(id, name)
  for (const [index, id] of (said?.ids ?? []).entries()) names.set(id, said?.names?.[index] ?? "")
  return names
}

/** What the names of one kind that a batch brings change in those that are held. */
const newsAbout = (
  kind: NameTable,
  asked: ReadonlyArray<Name>,
  held: ReadonlyMap<string, Name>,
  changes: ReadonlyArray<CounterChange>
) => {
  const newer = asked.filter((name) => {
    const before = held.get(name.id)
    return before !== undefined && isNewer(name, before)
  })
  return {
    kind,
    changes,
    newer,
    // Most have the name they had: a menu has one version, whatever of it has changed.
    renamed: newer.filter(({ id, name }) => held.get(id)?.name !== name),
    now: new Map([...held.values(), ...newer].map(({ id, name }) => [id, name]))
  }
}

/** Has the rows of these names alone, renames what has a newer name, and returns the names as they are now. */
const takeAlone = Effect.fnUntraced(function* (
  names: OfKinds<ReadonlyArray<Name>>,
  changes: OfKinds<ReadonlyArray<CounterChange>>
) {
  const newCategories = yield* insertNew(names)
  const held = yield* lock(names)
  const products = newsAbout(productNames, names.products, held.products, changes.products)
  const categories = newsAbout(categoryNames, names.categories, held.categories, changes.categories)
  const both = [products, categories]
  for (const { kind, newer } of both) yield* writeNames(kind, newer)
  if (both.some(({ renamed }) => renamed.length > 0)) {
    for (const { changes, kind, renamed } of both) yield* lockCounters(kind, renamed, changes)
    for (const { kind, renamed } of both) yield* renameCounters(kind, renamed)
  }
  return { names: { products: products.now, categories: categories.now }, newCategories }
})

/** Inserts names of things that have none yet, and returns the ids of the categories among them. */
const insertNew = Effect.fnUntraced(function* (names: OfKinds<ReadonlyArray<Name>>) {
  const sql = yield* SqlClient.SqlClient
  const inserted = ({ id, kind, name, table }: NameTable, names: ReadonlyArray<Name>) => sql`
      insert into ${sql(table)} (${sql(id)}, ${sql(name)}, name_version)
      select * from ${rowsOf(sql, names)}
      order by id
      on conflict (${sql(id)}) do nothing
      returning ${kind}::text as kind, ${sql(id)} as id`
  const rows = yield* sql<{ readonly kind: Kind; readonly id: string }>`
    with products as (${inserted(productNames, names.products)}),
    categories as (${inserted(categoryNames, names.categories)})
    select * from products union all select * from categories`
  return rows.flatMap(({ id, kind }) => (kind === "categories" ? [id] : []))
})

/** Locks the rows of these names, dishes before categories, and returns what they say. */
const lock = Effect.fnUntraced(function* (names: OfKinds<ReadonlyArray<Name>>) {
  const sql = yield* SqlClient.SqlClient
  const locked = ({ id, kind, name, table }: NameTable, names: ReadonlyArray<Name>) => sql`
      select ${kind}::text as kind, held.${sql(id)} as id, held.${sql(name)} as name, held.name_version as version
      from unnest(${uuids(names.map((row) => row.id))}::uuid[]) as asked (id) join ${sql(table)} held on held.${sql(id)} = asked.id
      order by held.${sql(id)} for update of held`
  const rows = yield* sql<Name & { readonly kind: Kind }>`
    with products as (${locked(productNames, names.products)}),
    categories as (${locked(categoryNames, names.categories)})
    select * from products union all select * from categories`
  const held: OfKinds<Map<string, Name>> = { products: new Map(), categories: new Map() }
  for (const row of rows) held[row.kind].set(row.id, row)
  return held
})

/**
 * Takes in the names a batch brings, renames everywhere what has a newer name, and returns the names as they are now,
 * and the ids of categories that nobody had named before.
 * @param names one a thing, sorted by id
 * @param changes what the batch will change in the counters
 */
export const takeNames = Effect.fnUntraced(function* (
  names: OfKinds<ReadonlyArray<Name>>,
  changes: OfKinds<ReadonlyArray<CounterChange>>
) {
  if (names.products.length === 0) return { names: nothingNamed, newCategories: [] }
  const rows = yield* shareKnown(names)
  const said = (kind: Kind) => rows.find((row) => row.kind === kind)
  const products = said("products")
  const categories = said("categories")
  const areKnown = products?.count === names.products.length && categories?.count === names.categories.length
  if (!areKnown) return yield* takeAlone(names, changes)
  return {
    names: { products: namesNow(names.products, products), categories: namesNow(names.categories, categories) },
    newCategories: []
  }
})

const nothingNamed: OfKinds<ReadonlyMap<string, string>> = { products: new Map(), categories: new Map() }

const writeNames = Effect.fnUntraced(function* (kind: NameTable, names: ReadonlyArray<Name>) {
  if (names.length === 0) return
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    update ${sql(kind.table)} held set ${sql(kind.name)} = row.name, name_version = row.version
    from ${rowsOf(sql, names)}
    where held.${sql(kind.id)} = row.id`
})

/**
 * Locks the counters that are to be renamed and those that the batch will change, all in the order in which batches
 * change theirs. Names do not keep all of these away: one that takes a dish off an order does not look at its name.
 *
 * Keys first, then rows: of one condition with an "or" the planner expects half the table, and reads all of it in the
 * order of the index, which took 48 s of 8 million counters.
 */
const lockCounters = Effect.fnUntraced(function* (
  { counters, id }: NameTable,
  renamed: ReadonlyArray<Name>,
  changes: ReadonlyArray<CounterChange>
) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    select count(*) from (
      select 1 from (
        select user_id, ${sql(id)} from ${sql(counters)} where ${sql(id)} = any(${uuids(renamed.map((row) => row.id))}::uuid[])
        union
        select * from unnest(${uuids(changes.map((row) => row.userId))}::uuid[], ${uuids(changes.map((row) => row.id))}::uuid[])
      ) moved (user_id, id) join ${sql(counters)} held on held.user_id = moved.user_id and held.${sql(id)} = moved.id
      order by held.user_id, held.${sql(id)} for update of held
    ) locked`
})

const renameCounters = Effect.fnUntraced(function* (kind: NameTable, names: ReadonlyArray<Name>) {
  if (names.length === 0) return
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    update ${sql(kind.counters)} held set ${sql(kind.name)} = row.name
    from ${rowsOf(sql, names)}
    where held.${sql(kind.id)} = row.id and held.${sql(kind.name)} <> row.name`
})
