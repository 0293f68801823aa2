/**
 * An order as STG has stored it, read back. It was valid when it came in; but a restore or a hand may have changed the
 * row since, and then this order alone must stand still, and not those that are read with it.
 */
import { SourceOrder, type SourcePayload } from "@metka/core/messages/SourceOrder"
import { Result, Schema } from "effect"
import { Enrichment } from "./enrich.ts"

/** JSON texts of `stg.order_events`. */
export interface StoredTexts {
  readonly payload: string
  readonly enrichment: string | null
}

export interface StoredOrder {
  readonly payload: SourcePayload
  /** `undefined` while the order waits for it. */
  readonly enrichment: Enrichment | undefined
}

/** What to do about a row that cannot be read. Delivered again, the same version would leave it as it is. */
export const unreadableRemedy =
  "restore its row of stg.order_events from a backup; a newer version of the order replaces it too"

const decodePayload = Schema.decodeUnknownResult(Schema.fromJsonString(SourceOrder.fields.payload))
const decodeEnrichment = Schema.decodeUnknownResult(Schema.fromJsonString(Enrichment))

const inOneLine = (column: string, { message }: Schema.SchemaError): string =>
  `${column}: ${message.replaceAll(/\s+/g, " ")}`

/** Fails with why the row cannot be what STG has stored, without what it says: guests' names are in it. */
export const readStoredOrder = (stored: StoredTexts): Result.Result<StoredOrder, string> =>
  Result.gen(function* () {
    const payload = yield* Result.mapError(decodePayload(stored.payload), (error) => inOneLine("payload", error))
    if (stored.enrichment === null) return { payload, enrichment: undefined }
    const enrichment = yield* Result.mapError(decodeEnrichment(stored.enrichment), (error) =>
      inOneLine("enrichment", error)
    )
    const known = new Set(enrichment.dishes.map(([id]) => id))
    const unknown = payload.order_items.find(({ id }) => !known.has(id))
    if (unknown !== undefined) return yield* Result.fail(`enrichment: it does not name the dish ${unknown.id}`)
    return { payload, enrichment }
  })
