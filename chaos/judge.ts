/** Whether the system is exactly where it must be, however it got there. */
import { differences, oracle } from "@metka/testing/againstOracle"
import { tagsByTable, tagsByTopic } from "@metka/testing/guestTags"
import { finalReferences } from "@metka/testing/messyStream/messyStream"
import { settled } from "@metka/testing/settled"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { System } from "./system.ts"

const patience = "120 seconds"

/** Counters that are not what the ledger adds up to. */
const notTheLedger = (mart: string, id: string, ids: string) => `
  with ledger as (
    select user_id, ${id}, count(distinct order_id) as order_cnt
    from cdm.order_contributions, unnest(${ids}) as ${id} group by 1, 2)
  select count(*)::int as count from ledger full join ${mart} held using (user_id, ${id})
  where ledger.order_cnt is distinct from held.order_cnt`

/** Counts of rows that must not exist. */
const invariants = {
  "counters of dishes are not the sum of the ledger": notTheLedger(
    "cdm.user_product_counters",
    "product_id",
    "product_ids"
  ),
  "counters of categories are not the sum of the ledger": notTheLedger(
    "cdm.user_category_counters",
    "category_id",
    "category_ids"
  ),
  "tags are not announced": "select count(*)::int as count from cdm.user_tag_history where published_at is null"
}

const broken = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const lines: Array<string> = []
  for (const [what, query] of Object.entries(invariants)) {
    const [row] = yield* sql.unsafe<{ readonly count: number }>(query)
    if (row?.count !== 0) lines.push(`${what}: ${row?.count}`)
  }
  return lines
})

const deadlock = /.*(40P01|deadlock detected).*/

const deadlocks = Effect.fnUntraced(function* ({ fleet, servers }: System) {
  const logs = [...fleet.logs(), ["postgres", yield* servers.postgres.log] as const]
  return logs.flatMap(([name, log]) => {
    const line = deadlock.exec(log)
    return line === null ? [] : [`deadlock in the log of ${name}: ${line[0]}`]
  })
})

/** Tells `guest-tags` and `cdm.user_tags` apart. */
const unannounced = Effect.gen(function* () {
  const byTopic = yield* tagsByTopic
  const byTable = yield* tagsByTable
  return JSON.stringify(byTopic) === JSON.stringify(byTable)
    ? []
    : [`guest-tags say ${byTopic.length} tags, cdm.user_tags ${byTable.length}, or others`]
})

/** Waits until nothing is on its way any more, and lists what is not as the oracle says; all references are there. */
export const divergences = Effect.fnUntraced(function* (system: System) {
  const expected = yield* oracle(finalReferences(system.source), system.source.rules)
  yield* settled(expected.parked.length, patience)
  return {
    expected,
    found: [
      ...(yield* differences(expected)),
      ...(yield* broken),
      ...(yield* unannounced),
      ...(yield* deadlocks(system))
    ]
  }
})
