/**
 * How many messages at the ends of the partitions STG has gone past without a trace in PostgreSQL. Most often they were
 * older versions or sent again; but a copy of the disk that was brought back lacks what came after it, and unlike a dump
 * or a standby it does not say so.
 */
import { inputsOf, Topology } from "@metka/core/Topology"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { partitionLags } from "./LookAgain.ts"

export const leftNothing = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [topic, group] = inputsOf(yield* Topology).stg
  // Before the tables: STG stores a batch before it commits its offsets.
  const committed = yield* partitionLags(topic, group)
  const rows = yield* sql<{ partition: number; newest: string }>`
    select partition, max("offset")::text as newest from (
      select partition, "offset" from stg.order_events where topic = ${topic}
      union all select partition, "offset" from ops.dead_letters where topic = ${topic}
    ) as seen group by partition`
  const newest = new Map(rows.map((row) => [row.partition, Number(row.newest)]))
  // What retention has deleted cannot be read again.
  const known = (at: (typeof committed)[number]) => Math.max(newest.get(at.partition) ?? -1, at.start - 1)
  return committed.reduce((sum, at) => sum + Math.max(0, at.committed - 1 - known(at)), 0)
})
