/** A stored order → what STG sends of it, and DDS reads, by their own functions. Pure. */
import { referenceVersion } from "@metka/core/messages/ReferenceVersion"
import { decodeSourcePayload } from "@metka/core/messages/SourceOrder"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import type { VersionedOrder } from "@metka/dds/vault"
import { enrich, type Enrichment } from "@metka/stg/enrich"
import { Result } from "effect"

export interface StoredOrder {
  readonly objectId: number
  readonly version: string
  readonly sentDttm: string
  readonly payload: string
  readonly enrichment: string | null
}

/** The enriched order, `undefined` while it waits for its enrichment; or why it cannot be what STG has stored. */
export const readStored = (stored: StoredOrder): Result.Result<VersionedOrder | undefined, string> => {
  try {
    const payload = decodeSourcePayload(JSON.parse(stored.payload))
    const times = `${fixedWidth(payload.update_ts)}|${stored.sentDttm}|`
    if (!stored.version.startsWith(times)) {
      return Result.fail(`order_version starts with ${stored.version.slice(0, times.length)}, its times say ${times}`)
    }
    if (stored.enrichment === null) return Result.succeed(undefined)
    const enrichment = JSON.parse(stored.enrichment) as Enrichment
    const known = new Set(enrichment.dishes.map(([id]) => id))
    const unknown = payload.order_items.find(({ id }) => !known.has(id))
    if (unknown !== undefined) return Result.fail(`the enrichment does not name the dish ${unknown.id}`)
    return Result.succeed({
      order: enrich(stored.objectId, payload, enrichment),
      orderVersion: stored.version,
      userLogin: enrichment.guest.login,
      userVersion: referenceVersion(enrichment.guest.version),
      restaurantVersion: referenceVersion(enrichment.restaurant.version)
    })
  } catch (error) {
    return Result.fail(error instanceof Error ? error.message : String(error))
  }
}
