/** The bookmarks of one stage in `ops.bookmarks`. Each statement says in which database it was. */
import { Clock, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { int4s, int8s } from "./arrays.ts"

/** Up to where everything of a partition is in the database that it was written in. */
export interface Bookmark {
  readonly offset: number
  /** `ops.database_identity()` of that one. */
  readonly database: string
}

/** By partition. */
export type Offsets = ReadonlyMap<number, number>

const read = Effect.fnUntraced(function* (group: string, topic: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ here: string; partition: number | null; offset: string; database: string }>`
    select here, partition, "offset"::text as "offset", database
    from ops.database_identity() as here left join ops.bookmarks on consumer_group = ${group} and topic = ${topic}`
  const held = new Map<number, Bookmark>()
  for (const { database, offset, partition } of rows) {
    if (partition !== null) held.set(partition, { offset: Number(offset), database })
  }
  return { here: rows[0]?.here ?? "", held }
})

/** Which rows are written: those that are there, or new ones too. */
type Writing = "update" | "upsert"

/**
 * Writes nothing in another database than `here`, and says in which it was: what is known of the one need not be true of
 * the other.
 */
const write = Effect.fnUntraced(function* (
  group: string,
  topic: string,
  here: string,
  offsets: Offsets,
  writing: Writing
) {
  const sql = yield* SqlClient.SqlClient
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  const rows = yield* sql<{ database: string }>`
    with present as materialized (select ops.database_identity() as database),
    written as (
      insert into ops.bookmarks as held (consumer_group, topic, partition, "offset", database, written_at)
      select ${group}, ${topic}, partition, "offset", present.database, ${now}::timestamptz
      from present, unnest(${int4s([...offsets.keys()])}::int[], ${int8s([...offsets.values()])}::bigint[])
        as row (partition, "offset")
      where present.database = ${here} and (${writing === "upsert"}::bool or exists (
        select from ops.bookmarks there
        where there.consumer_group = ${group} and there.topic = ${topic} and there.partition = row.partition
          and there.database = present.database
      ))
      order by partition
      on conflict (consumer_group, topic, partition) do update
      set "offset" = excluded."offset", database = excluded.database, written_at = excluded.written_at
      where (held."offset", held.database) is distinct from (excluded."offset", excluded.database)
    )
    select database from present`
  return rows[0]?.database ?? ""
})

export const bookmarkRows = (group: string, topic: string) => ({
  read: read(group, topic),
  write: (here: string, offsets: Offsets, writing: Writing) => write(group, topic, here, offsets, writing)
})
