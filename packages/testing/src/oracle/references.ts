import { holdsUnstorableText } from "./exactJson.ts"

export interface Guest {
  readonly name: string
  readonly login: string
  readonly updated: string
}

export interface Dish {
  readonly name: string
  readonly category: string
}

export interface Restaurant {
  readonly name: string
  readonly updated: string
  readonly menu: ReadonlyMap<string, Dish>
}

/** What Redis knows: guests and restaurants by id. `undefined` is "unknown", and an order that needs it waits. */
export interface KnownReferences {
  readonly guest: (id: string) => Guest | undefined
  readonly restaurant: (id: string) => Restaurant | undefined
}

type Members = Readonly<Record<string, unknown>>

const membersOf = (value: unknown): Members | undefined => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
  return Object.fromEntries(Object.entries(value))
}

const nonEmpty = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

/** The document as an object that carries an id and a name, without which it is as good as absent. */
const readDocument = (text: string | undefined): Members | undefined => {
  if (text === undefined) return undefined
  try {
    const document = membersOf(JSON.parse(text))
    if (document === undefined || holdsUnstorableText(text)) return undefined
    return nonEmpty(document._id) !== undefined && nonEmpty(document.name) !== undefined ? document : undefined
  } catch {
    return undefined
  }
}

const updatedOf = (document: Members | undefined): string =>
  typeof document?.update_ts_utc === "string" ? document.update_ts_utc : ""

const readGuest = (text: string | undefined): Guest | undefined => {
  const document = readDocument(text)
  const name = nonEmpty(document?.name)
  const login = document?.login
  return name !== undefined && typeof login === "string" ? { name, login, updated: updatedOf(document) } : undefined
}

const readRestaurant = (text: string | undefined): Restaurant | undefined => {
  const document = readDocument(text)
  const name = nonEmpty(document?.name)
  const items: unknown = document?.menu
  if (name === undefined || !Array.isArray(items)) return undefined
  const menu = new Map<string, Dish>()
  for (const value of items) {
    const item = membersOf(value)
    const id = nonEmpty(item?._id)
    const dish = nonEmpty(item?.name)
    const category = nonEmpty(item?.category)
    if (id !== undefined && dish !== undefined && category !== undefined) menu.set(id, { name: dish, category })
  }
  return { name, menu, updated: updatedOf(document) }
}

const remember = <A>(read: (id: string) => A): ((id: string) => A) => {
  const known = new Map<string, { readonly value: A }>()
  return (id) => {
    const entry = known.get(id) ?? { value: read(id) }
    known.set(id, entry)
    return entry.value
  }
}

/** `documents`: Redis key to Redis value. */
export const knownReferences = (documents: ReadonlyMap<string, string>): KnownReferences => ({
  guest: remember((id) => readGuest(documents.get(id))),
  restaurant: remember((id) => readRestaurant(documents.get(id)))
})
