/** Waits until nothing is on its way any more, wherever the three services run. */
import { Kafka, recordsBehind } from "@metka/core/Kafka"
import { inputsOf, Topology } from "@metka/core/Topology"
import { Effect } from "effect"
import type { Duration } from "effect"
import { SqlClient } from "effect/sql"
import { eventually } from "./eventually.ts"

const lagOf = (topic: string, group: string) =>
  Effect.flatMap(Kafka, (kafka) => Effect.map(kafka.lag(topic, group), recordsBehind))

const countOf = Effect.fnUntraced(function* (query: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<{ count: number }>(query)
  return rows[0]?.count ?? 0
})

/**
 * Records that each stage has not committed yet. Read downstream: a stage publishes before it commits, so what it has
 * committed is in the lag of the next one by then.
 */
export const lags = Effect.gen(function* () {
  const inputs = inputsOf(yield* Topology)
  const stg = yield* lagOf(...inputs.stg)
  const dds = yield* lagOf(...inputs.dds)
  const cdm = yield* lagOf(...inputs.cdm)
  return { stg, dds, cdm }
})

/**
 * What is still on its way, stage by stage. Read downstream: a stage publishes before it commits, so what it has
 * committed is in the lag of the next one by then. `parked`: how many orders are meant to wait for references.
 */
export const underWay = Effect.fnUntraced(function* (parked: number) {
  const inputs = inputsOf(yield* Topology)
  const stg = yield* lagOf(...inputs.stg)
  const waiting = yield* countOf("select count(*)::int as count from stg.parked_orders")
  const dds = yield* lagOf(...inputs.dds)
  const cdm = yield* lagOf(...inputs.cdm)
  const tags = yield* countOf("select count(*)::int as count from cdm.user_tag_history where published_at is null")
  return [
    ...(stg > 0 ? [`STG has ${stg} to go`] : []),
    ...(waiting !== parked ? [`${waiting} orders are parked, not ${parked}`] : []),
    ...(dds > 0 ? [`DDS has ${dds} to go`] : []),
    ...(cdm > 0 ? [`CDM has ${cdm} to go`] : []),
    ...(tags > 0 ? [`${tags} givings and takings of tags are not announced`] : [])
  ]
})

export const settled = (parked: number, within?: Duration.Input) =>
  eventually("everything is taken in", underWay(parked), within)
