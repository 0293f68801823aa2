/** `cdm-service-stats`: the dishes of a CLOSED order, one row each; `[]` for an order that is not CLOSED. */
import { Schema } from "effect"
import { makeDecoder } from "./decodeJson.ts"

const Uuid = Schema.String.check(
  Schema.isPattern(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/)
)

export const CdmStat = Schema.Struct({
  user_id: Uuid,
  product_id: Uuid,
  product_name: Schema.String,
  category_id: Uuid,
  category_name: Schema.String,
  order_cnt: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
})
export type CdmStat = typeof CdmStat.Type

export const CdmStats = Schema.Array(CdmStat).check(
  Schema.makeFilter(
    (stats: ReadonlyArray<CdmStat>) =>
      stats.every((stat) => stat.user_id.toLowerCase() === stats[0]?.user_id.toLowerCase()) ||
      "the rows of one order belong to different guests"
  )
)

export const decodeCdmStats = makeDecoder(CdmStats)
