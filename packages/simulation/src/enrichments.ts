/**
 * What each version of an order was enriched with. It depends on when that was, which only the run knows: it shows in
 * the headers of `stg-service-orders`, which name the versions of the references.
 */
import type { KafkaRecord } from "@metka/core/Kafka"
import type { Event, Plan } from "./Plan.ts"

/** The documents of a guest and a restaurant, by id. */
export type Documents = ReadonlyMap<string, string>

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString()

/** When the app last changed a reference, by its own word. */
export const updatedAt = (json: string): string => {
  const { update_ts_utc: updated }: { readonly update_ts_utc: string } = JSON.parse(json)
  return updated
}

const documentKey = (id: string, version: string) => `${id} ${version}`

/** Every document that Redis ever has in this run, by id and `update_ts_utc`. */
const documentsOf = (plan: Plan): ReadonlyMap<string, string> => {
  const later = plan.events.filter(
    (event): event is Extract<Event, { _tag: "Reference" }> => event._tag === "Reference"
  )
  const documents = [...plan.references].map(([id, json]) => ({ id, json })).concat(later)
  return new Map(documents.map(({ id, json }) => [documentKey(id, updatedAt(json)), json]))
}

/** By `order-version`: the documents that were in Redis when that version was enriched. */
export const enrichmentsOf = (
  plan: Plan,
  stgRecords: ReadonlyArray<Pick<KafkaRecord, "value" | "headers">>
): ReadonlyMap<string, Documents> => {
  const documents = documentsOf(plan)
  return new Map(
    stgRecords.map(({ headers, value }) => {
      const { payload }: { readonly payload: { readonly user: { id: string }; readonly restaurant: { id: string } } } =
        JSON.parse(text(value))
      const used = [
        [payload.user.id, text(headers.get("user-version"))],
        [payload.restaurant.id, text(headers.get("restaurant-version"))]
      ] as const
      return [
        text(headers.get("order-version")),
        new Map(used.map(([id, version]) => [id, documents.get(documentKey(id, version)) ?? ""]))
      ]
    })
  )
}
