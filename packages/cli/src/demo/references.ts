/** The demo world's guests and restaurants in the format that the app's reference loader writes to Redis. */
import { utcText } from "./utcText.ts"
import type { DemoWorld } from "./World.ts"

export interface UserDocument {
  readonly _id: string
  readonly name: string
  readonly login: string
  /** UTC, `YYYY-MM-DD HH:MM:SS`. */
  readonly update_ts_utc: string
}

export interface RestaurantDocument {
  readonly _id: string
  readonly name: string
  readonly menu: ReadonlyArray<{
    readonly _id: string
    readonly name: string
    /** Whole roubles. */
    readonly price: number
    readonly category: string
  }>
  /** UTC, `YYYY-MM-DD HH:MM:SS`. */
  readonly update_ts_utc: string
}

export interface DemoReferences {
  readonly users: ReadonlyArray<UserDocument>
  readonly restaurants: ReadonlyArray<RestaurantDocument>
}

/** The documents of a world as they are when its week starts (epoch milliseconds). */
export const makeReferences = (world: DemoWorld, startsAt: number): DemoReferences => ({
  users: world.guests.map(({ id, login, name, updatedSecondsBefore }) => ({
    _id: id,
    name,
    login,
    update_ts_utc: utcText(startsAt - updatedSecondsBefore * 1_000)
  })),
  restaurants: world.restaurants.map(({ id, menu, name, updatedSecondsBefore }) => ({
    _id: id,
    name,
    menu: menu.map((dish) => ({ _id: dish.id, name: dish.name, price: dish.price, category: dish.category })),
    update_ts_utc: utcText(startsAt - updatedSecondsBefore * 1_000)
  }))
})
