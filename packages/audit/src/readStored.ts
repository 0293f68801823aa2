/** A stored order → what STG sends of it, and DDS reads, by their own functions. Pure. */
import { referenceVersion } from "@metka/core/messages/ReferenceVersion"
import { fixedWidth } from "@metka/core/messages/Timestamp"
import type { VersionedOrder } from "@metka/dds/vault"
import { enrich } from "@metka/stg/enrich"
import { readStoredOrder, type StoredTexts } from "@metka/stg/readStoredOrder"
import { Result } from "effect"

/** A row of `stg.order_events`, as text. */
export interface StoredRow extends StoredTexts {
  readonly object_id: string
  readonly order_version: string
  readonly sent_dttm: string
}

/** The enriched order, `undefined` while it waits for its enrichment; or why it cannot be what STG has stored. */
export const readStored = (row: StoredRow): Result.Result<VersionedOrder | undefined, string> =>
  Result.flatMap(readStoredOrder(row), ({ enrichment, payload }) => {
    const times = `${fixedWidth(payload.update_ts)}|${row.sent_dttm}|`
    if (!row.order_version.startsWith(times)) {
      return Result.fail(
        `order_version starts with ${row.order_version.slice(0, times.length)}, its times say ${times}`
      )
    }
    if (enrichment === undefined) return Result.succeed(undefined)
    return Result.succeed({
      order: enrich(Number(row.object_id), payload, enrichment),
      orderVersion: row.order_version,
      userLogin: enrichment.guest.login,
      userVersion: referenceVersion(enrichment.guest.version),
      restaurantVersion: referenceVersion(enrichment.restaurant.version)
    })
  })
