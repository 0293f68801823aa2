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

/** What to do about a row that cannot be read. Delivered again, the same version leaves it as it is. */
export const unreadableRemedy =
  "restore its row of stg.order_events from a backup; a newer version of the order replaces it too"

/** For the log. */
export const unreadableText = (what: string, why: string): string =>
  `${what}, since what STG has stored of it cannot be read (${why}): ${unreadableRemedy}`

/** Decodes a column. What it says is not told: guests' names are in it, and V8's message of bad JSON would quote it. */
const reader = <A>(column: string, decode: (value: unknown) => Result.Result<A, Schema.SchemaError>) => {
  const because = ({ message }: Error) => `${column}: ${message.replaceAll(/\s+/g, " ")}`
  return (json: string): Result.Result<A, string> =>
    Result.try({ try: (): unknown => JSON.parse(json), catch: () => `${column}: it is not JSON` }).pipe(
      Result.flatMap((value) => Result.mapError(decode(value), because))
    )
}

const readPayload = reader("payload", Schema.decodeUnknownResult(SourceOrder.fields.payload))
const readDetached = reader("enrichment", Schema.decodeUnknownResult(Enrichment))

/** Fails with why it cannot be the enrichment that STG has stored of the payload. */
export const readStoredEnrichment = (json: string, payload: SourcePayload): Result.Result<Enrichment, string> =>
  Result.flatMap(readDetached(json), (enrichment) => {
    const known = new Set(enrichment.dishes.map(([id]) => id))
    const unknown = payload.order_items.find(({ id }) => !known.has(id))
    return unknown === undefined
      ? Result.succeed(enrichment)
      : Result.fail(`enrichment: it does not name the dish ${unknown.id}`)
  })

/** Fails with why the row cannot be what STG has stored. */
export const readStoredOrder = (stored: StoredTexts): Result.Result<StoredOrder, string> =>
  Result.gen(function* () {
    const payload = yield* readPayload(stored.payload)
    if (stored.enrichment === null) return { payload, enrichment: undefined }
    return { payload, enrichment: yield* readStoredEnrichment(stored.enrichment, payload) }
  })
