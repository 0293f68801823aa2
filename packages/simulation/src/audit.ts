/** The auditor: holds everything that a run has left against what it must have left. */
import { header } from "@metka/core/messages/headers"
import { actualState } from "@metka/testing/oracle/actual"
import { actualStgMessages } from "@metka/testing/oracle/actualStgMessages"
import { diffState } from "@metka/testing/oracle/diffState"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { acceptNewerNames } from "./acceptNewerNames.ts"
import { checkTags } from "./checkTags.ts"
import { expectationOf, recordsOf } from "./expectation.ts"
import { type Run, topics } from "./simulate.ts"

/** Invariants that the database alone must hold; each query finds what breaks one. */
const invariants: Readonly<Record<string, string>> = {
  "the dishes' counters are not the sums of the ledger": `
    select row(user_id, product_id, counted, summed)::text as row from (
      select user_id, product_id, order_cnt as counted from cdm.user_product_counters) counters
    full join (select user_id, product_id, count(*)::int as summed from cdm.order_contributions, unnest(product_ids) as product_id
      group by user_id, product_id) ledger using (user_id, product_id)
    where counted is distinct from summed`,
  "the categories' counters are not the sums of the ledger": `
    select row(user_id, category_id, counted, summed)::text as row from (
      select user_id, category_id, order_cnt as counted from cdm.user_category_counters) counters
    full join (select user_id, category_id, count(*)::int as summed from cdm.order_contributions, unnest(category_ids) as category_id
      group by user_id, category_id) ledger using (user_id, category_id)
    where counted is distinct from summed`,
  "the tags are not what the rules say of the counters": `
    select row(user_id, tag, held.order_cnt, held.rule_version, due.order_cnt, due.version)::text as row
    from cdm.user_tags held full join (
      select user_id, tag, order_cnt, version from cdm.tag_rules
      join cdm.user_category_counters using (category_id) where active and order_cnt > threshold) due using (user_id, tag)
    where (held.order_cnt, held.rule_version) is distinct from (due.order_cnt, due.version)`,
  "a dish has two names": `
    select product_id::text as row from cdm.user_product_counters group by 1 having count(distinct product_name) > 1`,
  "the ledger does not hold the version that STG has": `
    select row(object_id, events.order_version, ledger.order_version)::text as row
    from stg.order_events events full join cdm.order_contributions ledger on ledger.order_id = object_id::text
    where enrichment is not null and events.order_version is distinct from ledger.order_version`,
  "the vault does not hold the version that STG has": `
    select row(object_id, events.order_version, hub.order_version)::text as row
    from stg.order_events events full join dds.h_order hub on hub.order_id = object_id
    where enrichment is not null and events.order_version is distinct from hub.order_version`
}

const query = Object.entries(invariants)
  .map(([name, rows]) => `select '${name.replaceAll("'", "''")}' as name, row from (${rows}) broken`)
  .join(" union all ")

const checkInvariants = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<{ readonly name: string; readonly row: string }>(query)
  return rows.map(({ name, row }) => `${name}: ${row}`)
})

/** Every record of a version of an order says the same: a version is enriched once, and published again as it was. */
const checkSameBytes = (run: Run, topic: string): ReadonlyArray<string> => {
  const first = new Map<string, string>()
  const problems: Array<string> = []
  for (const { headers, key, value } of recordsOf(run.broker, topic)) {
    const others = [...headers].filter(([name]) => name !== header.traceparent)
    const version = Buffer.from(headers.get(header.orderVersion) ?? []).toString()
    const said = JSON.stringify([key, value, ...others].map(String))
    const before = first.get(version)
    if (before === undefined) first.set(version, said)
    else if (before !== said) problems.push(`${topic}: version ${version} was published with two contents`)
  }
  return problems
}

/** The state a run has ended in, and what is wrong with it; nothing, if all is well. */
export const audit = Effect.fnUntraced(function* (run: Run) {
  const stgMessages = actualStgMessages(recordsOf(run.broker, topics.stgOrders))
  const actual = yield* actualState
  const problems = [
    ...diffState(acceptNewerNames(expectationOf(run), actual), { ...actual, stgMessages }),
    ...(yield* checkInvariants),
    ...(yield* checkTags(run.broker)),
    ...checkSameBytes(run, topics.stgOrders),
    ...checkSameBytes(run, topics.cdmStats)
  ]
  return { problems, state: actual }
})
