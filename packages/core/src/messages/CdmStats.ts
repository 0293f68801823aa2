/** `cdm-service-stats`: the dishes of a CLOSED order, one row each; `[]` for an order that is not CLOSED. */
import { Schema } from "effect"
import { makeDecoder } from "./decodeJson.ts"

const hyphen = "-".charCodeAt(0)
const hyphens = new Set([8, 13, 18, 23])
const isHyphenAt = Array.from({ length: 36 }, (_, place) => hyphens.has(place))
const isDigit = new Set(Array.from("0123456789abcdefABCDEF", (digit) => digit.charCodeAt(0)))
const digits = Array.from({ length: 128 }, (_, code) => isDigit.has(code))

/** Read character by character: an order has a handful for each dish, and a regular expression takes twice as long. */
export const isUuid = (text: string): boolean => {
  if (text.length !== isHyphenAt.length) return false
  for (let place = 0; place < isHyphenAt.length; place++) {
    const code = text.charCodeAt(place)
    if (isHyphenAt[place] === true ? code !== hyphen : digits[code] !== true) return false
  }
  return true
}

const Uuid = Schema.String.check(
  Schema.makeFilter((text: string) => isUuid(text) || "expected a UUID, 8-4-4-4-12 hexadecimal digits")
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
      stats.every(
        ({ user_id }) => user_id === stats[0]?.user_id || user_id.toLowerCase() === stats[0]?.user_id.toLowerCase()
      ) || "the rows of one order belong to different guests"
  )
)

export const decodeCdmStats = makeDecoder(CdmStats)
