/** The reference port: guests and restaurants as the app's loader keeps them in Redis. */
import { Context, Effect, Result, Schema } from "effect"
import { decodeGuest, decodeRestaurant, type Guest, hasReadableTime, type Restaurant } from "./messages/Reference.ts"

export type { Dish, Guest, Restaurant } from "./messages/Reference.ts"

/** What Redis knows of the ids asked for; an id it does not know, or holds in an unreadable form, is absent. */
export interface References {
  readonly guests: ReadonlyMap<string, Guest>
  readonly restaurants: ReadonlyMap<string, Restaurant>
}

export class ReferenceUnavailable extends Schema.TaggedError<ReferenceUnavailable>()("ReferenceUnavailable", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

export class ReferenceData extends Context.Service<
  ReferenceData,
  {
    /** Reads all guests and restaurants of a batch in one round trip. */
    find(guestIds: Iterable<string>, restaurantIds: Iterable<string>): Effect.Effect<References, ReferenceUnavailable>
    /** Writes reference documents under their raw `_id`, as the app's loader does: the value is the JSON text. */
    load(
      documents: ReadonlyArray<{ readonly id: string; readonly json: string }>
    ): Effect.Effect<void, ReferenceUnavailable>
    readonly ping: Effect.Effect<void, ReferenceUnavailable>
  }
>()("metka/core/ReferenceData") {}

/** So many ids are remembered as complained of; beyond it the oldest are forgotten, and complained of again. */
const complaintsLimit = 10_000

/** So much of restaurants' documents is remembered; beyond it all are forgotten. */
const rememberedBytes = 4 * 1_048_576

/** A restaurant's menu is long, and nearly always what it was a moment ago: the same document is read once. */
const makeRestaurantReader = () => {
  const lastRead = new Map<string, { readonly document: string | Uint8Array; readonly result: RestaurantResult }>()
  let bytes = 0
  return (id: string, document: string | Uint8Array): RestaurantResult => {
    const last = lastRead.get(id)
    if (last !== undefined && isSame(last.document, document)) return last.result
    bytes += document.length - (last?.document.length ?? 0)
    if (bytes > rememberedBytes) {
      lastRead.clear()
      bytes = document.length
    }
    const result = decodeRestaurant(id, document)
    // A copy: the bytes may be part of a whole reply, which would stay in memory with them.
    lastRead.set(id, { document: typeof document === "string" ? document : Buffer.from(document), result })
    return result
  }
}

const unreadableTime = "has an update_ts_utc that is no time: its names count for the oldest there are"

const hasUnreadableTime = ({ version }: Guest | Restaurant): boolean => version !== "" && !hasReadableTime(version)

type RestaurantResult = ReturnType<typeof decodeRestaurant>

const isSame = (a: string | Uint8Array, b: string | Uint8Array): boolean =>
  typeof a === "string" || typeof b === "string" ? a === b : Buffer.compare(a, b) === 0

/**
 * Builds `find` over anything that reads values by key, so that every layer decodes, and warns of what it cannot read,
 * alike. `read` gives the values in the order of the ids, `null` for what is not there.
 */
export const makeFind = (
  read: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | Uint8Array | null>, ReferenceUnavailable>
): ReferenceData["Service"]["find"] => {
  const complained = new Set<string>()
  const readRestaurant = makeRestaurantReader()

  const complain = (id: string, why: string): Effect.Effect<void> => {
    if (complained.has(id)) return Effect.void
    const [oldest] = complained
    if (oldest !== undefined && complained.size >= complaintsLimit) complained.delete(oldest)
    complained.add(id)
    return Effect.logWarning(`the reference ${JSON.stringify(id)} ${why}`)
  }

  return Effect.fnUntraced(function* (guestIds, restaurantIds) {
    const wantedGuests = new Set(guestIds)
    const wantedRestaurants = new Set(restaurantIds)
    const ids = [...wantedGuests.union(wantedRestaurants)]
    const guests = new Map<string, Guest>()
    const restaurants = new Map<string, Restaurant>()
    if (ids.length === 0) return { guests, restaurants }

    const complaints: Array<readonly [id: string, why: string]> = []
    const documents = yield* read(ids)
    for (const [index, id] of ids.entries()) {
      const document = documents[index]
      if (document === null || document === undefined) continue
      if (wantedGuests.has(id)) {
        Result.match(decodeGuest(id, document), {
          // Why would quote the document, and with it the guest's name.
          onFailure: () => complaints.push([id, "cannot be read as a guest: look at what Redis holds under this key"]),
          onSuccess: (guest) => {
            guests.set(id, guest)
            if (hasUnreadableTime(guest)) complaints.push([id, unreadableTime])
          }
        })
      }
      if (wantedRestaurants.has(id)) {
        Result.match(readRestaurant(id, document), {
          onFailure: (why) => complaints.push([id, `cannot be read as a restaurant: ${why}`]),
          onSuccess: ({ restaurant, unreadableDishes }) => {
            restaurants.set(id, restaurant)
            if (hasUnreadableTime(restaurant)) complaints.push([id, unreadableTime])
            if (unreadableDishes.length > 0) {
              complaints.push([id, `has dishes that cannot be read: ${unreadableDishes.join("; ")}`])
            }
          }
        })
      }
    }
    yield* Effect.forEach(complaints, ([id, why]) => complain(id, why), { discard: true })
    return { guests, restaurants }
  })
}
