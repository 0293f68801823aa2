/**
 * The newest name of every dish and category, the same for every guest. Batches that bring no newer name share the rows
 * of theirs; a batch that renames one has all of its rows alone, so that no counter with the old name slips in behind
 * the renaming. Each takes its rows in key order and never trades a shared lock for an exclusive one.
 */
import { texts, uuids } from "@metka/core/arrays"
import { uuidOf } from "@metka/core/Uuid"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The name of a dish or a category, as new as the reference it comes from. */
export interface Name {
  readonly id: string
  readonly name: string
  readonly version: string
}

/** Where a kind of names is kept, and the counters that show them. */
export interface NameTable {
  readonly table: string
  readonly counters: string
  readonly id: string
  readonly name: string
}

export const productNames: NameTable = {
  table: "cdm.product_names",
  counters: "cdm.user_product_counters",
  id: "product_id",
  name: "product_name"
}

export const categoryNames: NameTable = {
  table: "cdm.category_names",
  counters: "cdm.user_category_counters",
  id: "category_id",
  name: "category_name"
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
    if (held === undefined || isNewer(name, held)) newest.set(name.id, name)
  }
  return [...newest.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

const read = Effect.fnUntraced(function* (
  kind: NameTable,
  ids: ReadonlyArray<string>,
  lock: "" | "for share of held" | "for update of held"
) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<Name>`
    select held.${sql(kind.id)} as id, held.${sql(kind.name)} as name, held.name_version as version
    from unnest(${uuids(ids)}::uuid[]) as asked (id) join ${sql(kind.table)} held on held.${sql(kind.id)} = asked.id
    order by held.${sql(kind.id)} ${sql.literal(lock)}`
  return new Map(rows.map((row) => [row.id, row]))
})

/**
 * Takes in the names a batch brings, renames everywhere what has a newer name, and returns the names as they are now,
 * and whether there was one of a thing nobody had named before.
 * @param names one a thing, sorted by id
 */
export const takeNames = Effect.fnUntraced(function* (kind: NameTable, names: ReadonlyArray<Name>) {
  if (names.length === 0) return { names: new Map<string, string>(), isNew: false }
  const ids = names.map((name) => name.id)
  const seen = yield* read(kind, ids, "")
  const unseen = names.filter((name) => !seen.has(name.id))
  if (unseen.length > 0) yield* insertNames(kind, unseen)
  // What somebody else inserted meanwhile may have got an older name than ours: renaming it needs it alone.
  const mayRename =
    unseen.length > 0 ||
    names.some((name) => {
      const held = seen.get(name.id)
      return held !== undefined && isNewer(name, held)
    })
  const held = yield* read(kind, ids, mayRename ? "for update of held" : "for share of held")
  const renamed = names.filter((name) => {
    const before = held.get(name.id)
    return before !== undefined && isNewer(name, before)
  })
  if (renamed.length > 0) yield* rename(kind, renamed)
  const now = new Map([...held.values()].map((row) => [row.id, row.name]))
  for (const { id, name } of renamed) now.set(id, name)
  return { names: now, isNew: unseen.length > 0 }
})

const insertNames = Effect.fnUntraced(function* (kind: NameTable, names: ReadonlyArray<Name>) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    insert into ${sql(kind.table)} (${sql(kind.id)}, ${sql(kind.name)}, name_version)
    select * from unnest(${uuids(names.map((row) => row.id))}::uuid[], ${texts(names.map((row) => row.name))}::text[],
      ${texts(names.map((row) => row.version))}::text[]) as row (id, name, version)
    order by id
    on conflict (${sql(kind.id)}) do nothing`
})

const rename = Effect.fnUntraced(function* (kind: NameTable, names: ReadonlyArray<Name>) {
  const sql = yield* SqlClient.SqlClient
  const ids = names.map((row) => row.id)
  const newTexts = names.map((row) => row.name)
  yield* sql`
    update ${sql(kind.table)} held set ${sql(kind.name)} = row.name, name_version = row.version
    from unnest(${uuids(ids)}::uuid[], ${texts(newTexts)}::text[], ${texts(names.map((row) => row.version))}::text[]) as row (id, name, version)
    where held.${sql(kind.id)} = row.id`
  yield* sql`
    update ${sql(kind.counters)} held set ${sql(kind.name)} = row.name
    from unnest(${uuids(ids)}::uuid[], ${texts(newTexts)}::text[]) as row (id, name)
    where held.${sql(kind.id)} = row.id and held.${sql(kind.name)} <> row.name`
})
